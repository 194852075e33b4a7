"""The pages of runs: the list, one run live, and the event stream that updates them."""
