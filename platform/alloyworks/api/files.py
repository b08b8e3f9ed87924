"""Files as the API shows them."""

from pydantic import BaseModel, Field


class FileOut(BaseModel):
    path: str
    size: int = Field(description="bytes")
    sha256: str


class DownloadOut(FileOut):
    url: str = Field(description="Fetches the file, for an hour")
