"""Reading the files of trained nets. A user's file is never opened for writing."""
