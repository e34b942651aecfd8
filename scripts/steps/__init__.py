"""What the scripts share. Standard library only, up to the point where the virtual environment exists."""
