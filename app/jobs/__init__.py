"""The scheduler process: the table of jobs and the sweeps. Rules live in services."""
