"""What benches/run is made of. `main` reads from top to bottom; every other module is one idea."""
