#!/bin/sh
printf 'Content-Type: text/plain; version=0.0.4\r\n\r\n'; exec nfa metrics
