"""The command line: parse, call one recipe, turn errors into one line and an exit status. Only rank 0 speaks."""
