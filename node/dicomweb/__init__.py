"""DICOMweb (PS3.18): studies, series and instances of images searched for and retrieved (``specs/dicomweb.yaml``)."""
