"""The link of host and board: frames with a CRC on a serial line, a bus behind them."""
