"""The only room that knows doit: nodes become its tasks, its verdicts become events."""
