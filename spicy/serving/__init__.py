"""Workers: who takes jobs, from the queue of this process or from a server elsewhere, and brings answers back."""
