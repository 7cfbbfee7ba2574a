"""Real servers for tests, one module each: started on a free port from what the machine has, stopped at the end."""
