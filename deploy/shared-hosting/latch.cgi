#!/bin/sh
export LATCH_CONFIG=/home/YOU/latch/latch.conf
exec /home/YOU/latch/lib/ld.so --library-path /home/YOU/latch/lib /home/YOU/latch/bin/latch-fcgi
