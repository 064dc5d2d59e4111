"""The shared vocabulary of the services: what happened (events), what may be asked (requests), and on which subjects.

Everything in here is data. A service may be known by these messages and by nothing else.
"""
