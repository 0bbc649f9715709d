"""Past studies from elsewhere: other tools' results, and our own as one Parquet file.

Each source is read into ``foreign`` records, ``mapping`` says what of them is what of ours, and
``adoption`` makes studies of them. Nothing is ever unpickled.
"""

from tuner.importers.archive import read_archive, write_archive

__all__ = ["read_archive", "write_archive"]
