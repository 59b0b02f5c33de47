"""The page of a moment."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from despoolr_core.records.kinds.run import FaultBegan, StepTaken
from despoolr_core.records.live.blocks import BLOCKS_MAX, HOLDERS_MAX, HOLDS_MAX, WAITERS_MAX
from despoolr_core.records.live.lanes import LANES_MAX, ticks_of
from despoolr_core.records.live.page import (
    FAULTS_MAX,
    MARKS_MAX,
    OPENS_MAX,
    page_steps,
)
from despoolr_core.records.live.page_query import PageQuery
from despoolr_core.records.live.sites import FILES_MAX, JOBS_MAX, MACHINES_MAX, SERVERS_MAX
from despoolr_core.records.live.steps import LOOKED_AT, STEP
from worlds.live import HOUR, START, Told, blocked_update, page_of


def test_a_block_says_who_holds_what_and_why_and_when_it_is_tried_again() -> None:
    told = blocked_update()
    page = page_of(told.fold, PageQuery(), told.at)
    (block,) = page.blocks.values()
    (held,) = block.holds
    assert (held.machine, held.program, held.user) == ("WS50", "EXCEL.EXE", "user of WS50")
    assert held.why == "it wants to write; EXCEL.EXE lets others read only"
    assert held.alone
    assert (block.job, block.next_at, block.refused) == ("BPC00002", START + 2 * HOUR, 1)
    assert block.waiters * (told.at + 60) - block.waited_from == pytest.approx(60.0)
    assert page.remedy.by_one == [(block.id, "O1")]
    assert (page.totals.files, page.totals.retrying, page.totals.folders_broken) == (1, 1, 1)


def test_closing_one_file_is_not_enough_where_another_of_the_package_is_held() -> None:
    told = blocked_update()
    told.holds("WS51", "BPC00001/c.dat")
    told.holds("WS52", "BPC00001/d.dat", share_mode="READ WRITE DELETE")
    told.holds("WS53", "BPC00002/c.dat")
    page = page_of(told.fold, PageQuery(), told.at)
    (block,) = page.blocks.values()
    assert (block.hold_count, block.later_count, block.holds[0].alone) == (1, 1, False)
    assert (page.remedy.by_one_count, page.remedy.block_count) == (0, 1)
    assert page.remedy.strategy == "new_folder_and_switch"
    told.closes("O2")
    assert page_of(told.fold, PageQuery(), told.at).remedy.by_one == [(block.id, "O1")]


def test_an_update_is_not_in_its_own_way_later() -> None:
    told = blocked_update()
    told.holds("SITE1", "BPC00001/c.dat", program="SMS_DESPOOLER", share_mode="NONE")
    (block,) = page_of(told.fold, PageQuery(), told.at).blocks.values()
    assert block.later_count == 0 and block.holds[0].alone


def test_an_update_whose_file_is_free_meets_who_has_another_file_next() -> None:
    told = blocked_update()
    told.holds("WS51", "BPC00001/c.dat")
    told.closes("O1")
    page = page_of(told.fold, PageQuery(), told.at)
    (block,) = page.blocks.values()
    assert (block.free, block.hold_count, block.later_count) == (True, 0, 1)
    assert page.remedy.strategy


def test_the_page_is_the_same_while_nothing_happens() -> None:
    told = blocked_update()
    assert page_of(told.fold, PageQuery(), told.at) == page_of(
        told.fold, PageQuery(), told.at + 900
    )


def test_most_waiter_seconds_come_first_and_the_rest_is_counted() -> None:
    told = Told()
    for n in range(BLOCKS_MAX + 3):
        told.at += 60
        handle = told.holds(f"PC{n:03}", f"BPC00001/{n}.dat")
        told.refused(handle, episode=f"E{n}", job="")
    told.at += 1
    crowd = told.holds("PC999", "BPC00001/last.dat")
    for n in range(200):
        told.refused(crowd, episode=f"C{n}", job="")
    page = page_of(told.fold, PageQuery(), told.at + HOUR)
    first = page.blocks[page.block_order[0]]
    assert (first.files, first.waiters) == (["BPC00001/last.dat"], 200)
    assert len(first.waiting) == WAITERS_MAX
    assert page.blocks[page.block_order[1]].files == ["BPC00001/0.dat"]
    assert (len(page.blocks), page.more["blocks"]) == (BLOCKS_MAX, 4)
    assert page.totals.files == BLOCKS_MAX + 4
    assert (len(page.holders), page.more["holders"]) == (HOLDERS_MAX, 4)
    assert (len(page.lanes), page.more["lanes"]) == (LANES_MAX, BLOCKS_MAX + 203 - LANES_MAX)


def test_a_block_lists_so_many_opens_and_counts_all() -> None:
    told = Told()
    handles = [told.holds(f"PC{n:03}") for n in range(HOLDS_MAX + 5)]
    told.refused(*handles)
    (block,) = page_of(told.fold, PageQuery(), told.at).blocks.values()
    assert (len(block.holds), block.hold_count, block.file_count) == (HOLDS_MAX, HOLDS_MAX + 5, 1)
    assert not block.holds[0].alone


def test_a_fault_that_lasts_is_on_the_page_however_long_ago_it_began() -> None:
    told = Told()
    told.tell(FaultBegan(fault="disk_full", where="LOGON1"), "LOGON1")
    for n in range(MARKS_MAX + 5):
        told.at += HOUR
        told.tell(StepTaken(do=f"{n}", at="1h"), "scenario")
    page = page_of(told.fold, PageQuery(span_s=HOUR * 48), told.at)
    assert (page.marks[0].text, page.marks[0].lasts) == ("disk_full, LOGON1", True)
    assert (len(page.marks), page.marks[-1].text) == (MARKS_MAX, f"step: {MARKS_MAX + 4}")
    for n in range(FAULTS_MAX + 2):
        told.tell(FaultBegan(fault=f"f{n}", where="LOGON1"), "LOGON1")
    page = page_of(told.fold, PageQuery(), told.at)
    assert sum(mark.lasts for mark in page.marks) == FAULTS_MAX
    assert page.more["faults"] == 3
    assert page_of(told.fold, PageQuery(only="WS50"), told.at).marks == []


def test_filters_are_by_server_package_word_and_span() -> None:
    told = blocked_update()
    other = told.holds("PC9", "BPC00001/z.dat", server="LOGON2", program="NOTES.EXE")
    told.refused(other, episode="LOGON2-E1", job="")

    def blocks(**asked: Any) -> int:
        return len(page_of(told.fold, PageQuery(**asked), told.at).blocks)

    assert blocks() == 2
    assert blocks(server="logon2") == 1
    assert blocks(package="BPC00001") == 1
    assert blocks(word="notes") == 1
    assert blocks(word="UPDATE") == 1
    assert blocks(word="nothing of the kind") == 0
    told.closes(other)
    told.at += HOUR
    lanes = page_of(told.fold, PageQuery(span_s=60.0), told.at).lanes
    assert lanes["LOGON2-E1"].bars == []
    assert lanes["LOGON1-E1"].ticks == []


def test_whoever_may_see_one_machine_sees_nothing_of_others() -> None:
    told = blocked_update()
    page = page_of(told.fold, PageQuery(only="PC99"), told.at)
    assert (
        page.opens == []
        and page.blocks == {}
        and page.lanes == {}
        and page.jobs == {}
        and page.packages == {}
    )
    assert page.totals == type(page.totals)()
    page = page_of(told.fold, PageQuery(only="site1"), told.at)
    assert len(page.blocks) == 1 and page.jobs == {} and page.marks == []


def test_a_lane_ends_when_the_wait_does() -> None:
    told = blocked_update()
    told.at += 60
    told.closes("O1")
    told.written("b.dat")
    page = page_of(told.fold, PageQuery(), told.at)
    (lane,) = page.lanes.values()
    assert (lane.state, lane.ended_at) == ("resolved", told.at)
    assert lane.says.startswith("SMS_DESPOOLER on SITE1 was refused b.dat once")
    assert [bar.closed_at for bar in lane.bars] == [told.at]
    assert page.blocks == {}


def test_refusals_close_together_are_one_tick_with_their_number() -> None:
    assert ticks_of([0, 1, 2, 10, 11, 30], 0.5, 5) == [(1, 2), (10, 2), (30, 1)]


def test_a_job_is_untrue_if_it_says_complete_and_the_shares_do_not() -> None:
    told = blocked_update()
    told.job("BPC00002", "UPDATE", "Complete", "Retrying")
    job = page_of(told.fold, PageQuery(), told.at).jobs["BPC00002"]
    assert job.untrue
    assert job.truth[-1][1:] == (0, 0, 1, 0)
    told.at += 60
    told.written("b.dat")
    assert not page_of(told.fold, PageQuery(), told.at).jobs["BPC00002"].untrue


def test_clients_that_ran_a_mixture_are_wrong_and_so_is_the_job_that_counts_them() -> None:
    told = blocked_update()
    told.job("BPC00003", "SETUP", "Active")
    told.detail("BPC00003", "WS1", "Complete")
    told.detail("BPC00003", "WS2", "None")
    told.runs("WS1")
    page = page_of(told.fold, PageQuery(), told.at)
    assert [(c.state, c.tone, c.count) for c in page.clients] == [
        ("ran a mixture of old and new files, reported Success", "wrong", 1),
        ("wait for SETUP", "wait", 1),
    ]
    assert page.jobs["BPC00003"].pcs_wrong == 1
    assert (page.totals.clients, page.totals.clients_wrong) == (2, 1)


def test_a_version_map_shows_the_worst_servers_and_files_and_counts_the_rest() -> None:
    told = Told()
    told.job("BPC00001", "FIRST", "Active")
    files = {f"{n:03}.dat": "copied" for n in range(FILES_MAX + 5)}
    for n in range(SERVERS_MAX + 2):
        told.copies("BPC00001", files, server=f"LOGON{n:02}")
    told.at += 60
    told.written("028.dat", job="", server="LOGON13")
    (package,) = page_of(told.fold, PageQuery(), told.at).packages.values()
    assert (package.more_files, package.more_servers) == (5, 2)
    assert "LOGON13" in package.servers
    assert next(iter(package.files.items())) == ("028.dat", "n" * (SERVERS_MAX - 1) + "x")
    assert package.folders[-1] == (FILES_MAX + 4, 0, 0, 1)


def test_a_holder_that_waits_itself_leads_on() -> None:
    told = blocked_update()
    theirs = told.holds("SITE1", "BPC00001/c.dat", program="SMS_DESPOOLER")
    told.refused(theirs, episode="E9", job="")
    page = page_of(told.fold, PageQuery(), told.at)
    holder = page.holders["LOGON1:SITE1:SMS_DESPOOLER"]
    assert set(holder.waits_for) == set(page.block_order)


@pytest.mark.slow
def test_a_thousand_blocked_files_and_five_thousand_clients_make_a_small_page_quickly() -> None:
    told = blocked_update()
    told.job("BPC00003", "SETUP", "Active")
    for n in range(5000):
        told.detail("BPC00003", f"PC{n:05}", "None")
        if n % 2:
            told.runs(f"PC{n:05}")
    for n in range(1000):
        told.refused(told.holds(f"PC{n:05}", f"BPC00001/{n}.dat"), episode=f"E{n}", job="")
    page = page_of(told.fold, PageQuery(), told.at)
    assert page.totals.files == 1001
    assert page.totals.clients == 5000
    assert max(len(client.machines) for client in page.clients) == MACHINES_MAX
    assert len(msgspec.json.encode(page)) < 100_000
    began = time.process_time()
    for _ in range(5):
        page_of(told.fold, PageQuery(), told.at)
    assert (time.process_time() - began) / 5 < 0.5


@pytest.mark.slow
def test_one_that_waits_for_thousands_of_things_behind_many_holders_is_told_quickly() -> None:
    told = Told()
    holders = [told.holds(f"PC{n}", "BPC00001/b.dat") for n in range(16)]
    for n in range(3000):
        told.refused(*holders, episode=f"E{n}", job=f"BPC1{n:04}")
    page = page_of(told.fold, PageQuery(), told.at)
    assert page.holders["LOGON1:PC3:EXCEL.EXE"].waiters == page.totals.waiters == 3000
    began = time.process_time()
    page_of(told.fold, PageQuery(), told.at)
    assert time.process_time() - began < 1.0


def waits(told: Told, count: int) -> None:
    handle = told.holds("WS50")
    for n in range(count):
        told.refused(handle, episode=f"E{n}", job=f"BPC1{n:04}")


def opens(told: Told, count: int) -> None:
    for n in range(count):
        told.holds("WS50", f"BPC00001/{n}.dat")


def rows(told: Told, count: int) -> None:
    told.job("BPC00003", "SETUP", "Active")
    for n in range(count):
        told.detail("BPC00003", f"PC{n:05}", "None")


def clients(told: Told, count: int) -> None:
    for n in range(count):
        told.runs(f"PC{n:05}")


def jobs(told: Told, count: int) -> None:
    for n in range(count):
        told.job(f"BPC1{n:04}", "SETUP", "Active")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("many", "count", "size"),
    [
        (waits, 4 * STEP, STEP),
        (jobs, 4 * STEP, STEP),
        (opens, 4 * LOOKED_AT, LOOKED_AT),
        (rows, 4 * LOOKED_AT, LOOKED_AT),
        (clients, 4 * LOOKED_AT, LOOKED_AT),
    ],
)
def test_much_of_anything_is_gone_through_in_steps(
    many: Callable[[Told, int], None], count: int, size: int
) -> None:
    few, told = Told(), Told()
    many(few, 1)
    many(told, count)
    made = [list(page_steps(one.fold, PageQuery(), one.at)) for one in (few, told)]
    assert len(made[1]) - len(made[0]) >= count // size


def test_what_comes_between_two_steps_harms_no_page() -> None:
    told = blocked_update()
    steps = page_steps(told.fold, PageQuery(), told.at)
    record = told.fold.seq
    for number in itertools.count():
        try:
            next(steps)
        except StopIteration as made:
            assert made.value.record == record
            break
        told.refused(told.holds(f"PC{number}"), episode=f"E{number}", job=f"BPC2{number:04}")
        told.job(f"BPC3{number:04}", "MORE", "Active")
        told.detail("BPC00002", f"PC{number:05}", "None")
        told.runs(f"PC{number:05}")
    page = page_of(told.fold, PageQuery(), told.at)
    assert page.totals.waiters == number + 1


def test_the_oldest_opens_are_listed_and_all_are_counted() -> None:
    told = Told()
    for n in range(OPENS_MAX + 3):
        told.holds(f"PC{n:02}", f"BPC00001/{n}.dat", server=f"LOGON{n % 2}")
    page = page_of(told.fold, PageQuery(), told.at)
    assert [row.machine for row in page.opens] == [f"PC{n:02}" for n in range(OPENS_MAX)]
    assert (page.totals.opens, page.more["opens"]) == (OPENS_MAX + 3, 3)
    only = page_of(told.fold, PageQuery(server="LOGON1", word="pc03"), told.at)
    assert [row.path for row in only.opens] == ["BPC00001/3.dat"]


def test_what_a_client_says_of_its_status_is_shown_as_it_is() -> None:
    told = blocked_update()
    told.detail("BPC00002", "PC1", "{0.job} {}")
    (row,) = page_of(told.fold, PageQuery(), told.at).clients
    assert (row.state, row.machines) == ("{0.job} {} of UPDATE", ["PC1"])


def test_jobs_that_are_not_listed_are_counted_with_the_others() -> None:
    told = blocked_update()
    for n in range(JOBS_MAX):
        told.at += 60
        told.job(f"BPC1{n:04}", f"MORE{n}", "Retrying", "Active")
    page = page_of(told.fold, PageQuery(), told.at)
    assert (len(page.jobs), page.totals.jobs) == (JOBS_MAX, JOBS_MAX + 2)
    assert page.totals.retrying == JOBS_MAX + 1
