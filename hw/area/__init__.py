"""Area of components: cells, transistors, storage and depth from Yosys."""

from hw.area.library import CMOS, GATES, SMALLEST, Library
from hw.area.measure import Area, Design, ModuleArea, measure

__all__ = ["CMOS", "GATES", "SMALLEST", "Area", "Design", "Library", "ModuleArea", "measure"]
