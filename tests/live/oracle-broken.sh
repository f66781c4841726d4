#!/bin/sh
# The oracle on a tracker that leaves out the wait for handlers in flight.
exec ./tests/live/oracle-broken broken
