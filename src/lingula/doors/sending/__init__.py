"""Sending radiographs to a Lingula, as hospitals do: by HTTP, by DICOM, into a bucket or into a folder."""
