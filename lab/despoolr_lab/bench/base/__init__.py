"""What every benchmark stands on: a load that costs little, and figures as they are told."""
