#!/usr/bin/env bash
# Whether the fleet of this container is ready (GET /ready): all its clients exist and a logon server answers, or it stands by.
# Bash alone, because it runs every 15 s in each replica: 3 ms of a processor, where a start of Python takes 200.
# A process that is paused takes the connection and does not answer: that is not ready, either.
listen=${DESPOOLR_LISTEN:-8804}
exec 3<>"/dev/tcp/127.0.0.1/${1:-${listen##*:}}" || exit 1
printf 'GET /ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' >&3
IFS= read -r -t 10 status <&3 || exit 1
[[ $status == 'HTTP/1.1 200 '* ]]
