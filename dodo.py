from spicy.dodo import films

globals().update(films("specs/*.yaml"))
