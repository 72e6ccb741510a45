"""WHERE: boards, their tops, the host link, bitstreams."""
