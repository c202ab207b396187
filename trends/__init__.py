"""Trends over time: tests, breaks, alerts, nowcasts, seasons, composition and prevalence.

A pure library: arrays in, frozen dataclasses of arrays out. Values are floats, NaN is missing, and every leading axis
is a series of its own, so that a whole warehouse is one call.
"""
