"""DICOM objects of the archive, read where they are: header, frames, pictures, other transfer syntaxes."""
