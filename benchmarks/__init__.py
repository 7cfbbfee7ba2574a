"""What Lingula costs, measured: `make bench` prints it beside the limits of the machine it runs on."""
