"""What a result is: the records every other room passes around. Import from the module you need; nothing is
loaded here.
"""
