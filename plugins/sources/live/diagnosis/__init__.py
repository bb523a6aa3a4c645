"""Why a camera gives no picture, in one line: found out by ourselves, for libraries hardly say it."""
