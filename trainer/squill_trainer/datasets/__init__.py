"""Public text-to-SQL data, from the archives it comes in to the files that a training reads."""
