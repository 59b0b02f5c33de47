#!/usr/bin/env bash
# Whether the fleet or the servers of this container are ready (GET /ready): all clients exist and a logon server answers, or the
# fleet stands by; a file can be written and read on a server's share.
# Bash alone, because it runs every few seconds in each container: 3 ms of a processor, where a start of Python takes 200.
# A process that is paused takes the connection and does not answer: that is not ready, either.
# Usage: probe [HOST:]PORT ...; else the servers that are listed in DESPOOLR_DATA, else what DESPOOLR_LISTEN says.
listed="${DESPOOLR_DATA:-/nowhere}/servers.json"
if [[ $# -eq 0 && -r $listed ]]; then
    while IFS= read -r line; do
        [[ $line =~ \"url\":\ *\"http://([^/\"]+)\" ]] && set -- "$@" "${BASH_REMATCH[1]}"
    done < "$listed"
    [[ $# -gt 0 ]] || exit 1
elif [[ $# -eq 0 ]]; then
    [[ -n ${DESPOOLR_LISTEN-} ]] || exit 1
    set -- "${DESPOOLR_LISTEN##*:}"
fi
for place; do
    host=127.0.0.1
    [[ $place == *:* ]] && host=${place%:*}
    host=${host#[} host=${host%]}
    exec 3<>"/dev/tcp/$host/${place##*:}" || exit 1
    printf 'GET /ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' >&3
    IFS= read -r -t 10 status <&3 || exit 1
    [[ $status == 'HTTP/1.1 200 '* ]] || exit 1
    exec 3>&-
done
