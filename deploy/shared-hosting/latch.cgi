#!/bin/sh
export LATCH_CONFIG=/home/YOU/latch/latch.conf
exec /home/YOU/latch/latch-fcgi
