"""Where the data of tests and commands is from: ``python -m docs.data`` writes docs/data.md."""

from pathlib import Path

from golden.models.data import FILES

PAGE = Path(__file__).resolve().parent / "data.md"

OPENING = """# Data

Released models, sounds, sentences and cells that the project does not contain, under their own
licences. Whoever has them puts them into one folder under the names below; then

```console
make test DATA=folder
python -m golden accuracy --data folder
python -m golden keywords --data folder
make synth LIBERTY=folder/liberty/sg13g2_stdcell_typ_1p20V_25C.lib
```

read them, and tests without them skip and name the file. `python -m golden.models data folder` says
which are there and right by SHA-256. A file is at `ADDRESS/raw/COMMIT/PATH`."""


def render() -> str:
    """Return the page."""
    parts = [OPENING, "| file | what it is | SHA-256 |\n| --- | --- | --- |"]
    parts[-1] += "".join(f"\n| `{x.name}` | {x.content} | `{x.sha256}` |" for x in FILES)
    parts.append("## Where they are from")
    for upstream in dict.fromkeys(file.upstream for file in FILES):
        own = [file for file in FILES if file.upstream == upstream]
        lines = [f"{upstream.address} at `{upstream.commit}`; {upstream.licence}:", ""]
        lines += [f"- `{file.name}` is `{file.path}`" for file in own]
        parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")
