"""Is one arm better than another? Paired by task and seed, from the journals of finished studies.

``docs/statistics.md`` says what each number is.
"""
