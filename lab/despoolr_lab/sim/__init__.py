"""Virtual time: a site in one process, on a clock that jumps and a network in memory.

    result = run_virtual(main, seed=7, limit_s=86_400)

`world.run_virtual` runs an async function to its end: on a *virtual loop* (`time.loop`) that moves
time to the next timer as soon as nothing can run, with the real world out of reach (`time.poison`)
and aiohttp's own clocks and dice in hand (`time.aiohttp_time`). Inside it, `network.Network` has
*hosts* by name, *links* between them with a latency and perhaps a *fault*, and *listeners* on ports
(`hosts`); what two hosts say goes through *pipes* (`transport`), as *values* (`values`, between
`value_client` and `value_server`) or as bytes (`bytes_side`, imported `late`). aiohttp's client and
server run on it unmodified:

    network = Network(seed=7)
    await network.serve(runner, "LOGON1")
    async with network.session("PC00001") as session:
        await session.get("http://logon1/pcmins.box/0A1.ins")
    network.cut("PC00001", "LOGON1")              # a black hole; or "refuse"

`sockets.SocketNetwork` has the same two calls over loopback sockets. A run that gets stuck ends
(`time.endings`) and says who waits where (`time.waits`).
"""
