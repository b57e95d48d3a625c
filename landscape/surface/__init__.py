from landscape.surfaces import load_surface
