"""Learning from what buyers do: training groups, position bias, offline estimates, experiments."""
