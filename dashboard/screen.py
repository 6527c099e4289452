"""What a page or a push looks at: rows read once, shared by every panel drawn from it."""

from __future__ import annotations

from collections import Counter
from copy import copy
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property

from dashboard import pulse
from dashboard.permissions import May, Role, may
from dashboard.sentence import UNWATCHED, Databases, Sentence, Standing, say
from recovery.alarms import screens as alarm_rows
from recovery.backups import screens as backup_rows
from recovery.brief import queries as briefs
from recovery.brief.decide import look_of
from recovery.brief.facts import HostFact, SiteFact
from recovery.brief.parts import Brief, Look
from recovery.core import clock
from recovery.detection import screens as detection
from recovery.detection.vouching import Silence
from recovery.drp.views.behind import Behind, behind_fences
from recovery.drp.views.owning import owning_runs
from recovery.drp.views.runs import RunView, view_run
from recovery.drp.views.waiting import AskLine, open_asks
from recovery.failover import screens as failover
from recovery.failover.doubt.seen import DoubtView, doubt
from recovery.failover.queries import FenceView, standing_fences
from recovery.failover.views.databases import DatabaseView
from recovery.incidents import screens as incident_rows
from recovery.inventory import screens as inventory
from recovery.inventory.facts import Verdict
from recovery.operations import screens as operations
from recovery.scheduling import screens as scheduling
from recovery.traffic import screens as traffic


@dataclass
class Screen:
    """One look, for one role. It never depends on who asks beyond that role, nor on the hour:
    a panel pushed and the same panel on reload are equal, byte for byte."""

    role: Role
    still_at: datetime | None = None
    """What is drawn belongs to a form and stands still since then."""
    _briefs: dict[str, Brief] = field(default_factory=dict)
    _runs: dict[int, RunView | None] = field(default_factory=dict)

    def may(self, act: May) -> bool:
        return may(self.role, act)

    def seen_by(self, role: Role) -> Screen:
        """The same look for another role: whatever was read for this one is not read again."""
        other = copy(self)
        other.role = role
        return other

    @cached_property
    def is_watched(self) -> bool | None:
        return pulse.is_watched()

    @cached_property
    def sites(self) -> tuple[inventory.SiteView, ...]:
        """The fleet; while nobody looks, what is recorded of it is not drawn as seen."""
        fleet = inventory.fleet()
        return tuple(_recorded(site) for site in fleet) if self.unseeing else fleet

    @cached_property
    def applications(self) -> tuple[inventory.ApplicationView, ...]:
        return inventory.applications()

    @cached_property
    def incidents(self) -> tuple[incident_rows.IncidentView, ...]:
        return incident_rows.unresolved_incidents()

    @cached_property
    def hurt_members(self) -> tuple[incident_rows.MemberView, ...]:
        """Of every open incident, what is not whole."""
        numbers = [i.number for i in self.incidents if i.is_open]
        members = incident_rows.members_of(numbers) if numbers else ()
        return tuple(m for m in members if m.whole_at is None)

    @cached_property
    def hurt_since(self) -> datetime | None:
        """The oldest hurt that still lasts; None: nothing is."""
        down = [d.since for d in self.databases if d.is_down]
        return min([*(m.since for m in self.hurt_members), *down], default=None)

    @cached_property
    def alarms(self) -> tuple[alarm_rows.AlarmView, ...]:
        return alarm_rows.unended_alarms()

    @cached_property
    def services(self) -> dict[str, traffic.Service]:
        """How each application answers, and its outages of this month."""
        return traffic.services(clock.system.now())

    @cached_property
    def databases(self) -> tuple[DatabaseView, ...]:
        """Every database with its copies, its users' gap and its newest failover."""
        return failover.databases(clock.system.now())

    @cached_property
    def hurt_databases(self) -> tuple[DatabaseView, ...]:
        """Those that nobody may write to first; then those whose promise cannot hold."""
        order = {"down": 0, "unknown": 1, "risk": 2}
        hurt = [d for d in self.databases if d.tone]
        return tuple(sorted(hurt, key=lambda d: (order[d.tone], d.name)))

    @cached_property
    def waiting_databases(self) -> tuple[DatabaseView, ...]:
        """Starter databases and others that wait for a host or a person."""
        return tuple(d for d in self.hurt_databases if d.state == "waiting" or d.has_lost_all)

    @cached_property
    def backups(self) -> backup_rows.Board:
        """What each archive could give back, and what the loss of each datacenter would take."""
        return backup_rows.board()

    @cached_property
    def broken_promises(self) -> tuple[backup_rows.Trouble, ...]:
        """What rings about backups, what wakes people first."""
        ours = any(backup_rows.is_ours(alarm.key) for alarm in self.alarms)
        return backup_rows.promises_in_trouble() if ours else ()

    @cached_property
    def recovery(self) -> briefs.Fleet:
        """What briefs about datacenters are made of."""
        return briefs.fleet_at(clock.system.now(), unwatched=self.unseeing)

    def brief(self, site: str) -> Brief:
        """Activate or wait? of this datacenter."""
        if site not in self._briefs:
            self._briefs[site] = self.recovery.brief(site)
        return self._briefs[site]

    def run(self, number: int) -> RunView | None:
        """One run of a recovery plan."""
        if number not in self._runs:
            self._runs[number] = view_run(number, self.unwatched)
        return self._runs[number]

    @cached_property
    def asks(self) -> tuple[AskLine, ...]:
        """Steps that wait for somebody's yes."""
        return open_asks(self.unwatched)

    @cached_property
    def lost_sites(self) -> tuple[str, ...]:
        """Datacenters that look lost: a person decides about them."""
        return tuple(site.name for site in self.sites if _look(site) is Look.LOST)

    @cached_property
    def brake(self) -> detection.BrakeView:
        return detection.brake()

    @cached_property
    def doubt(self) -> DoubtView | None:
        """Of Tocsin's own rows (B11), where there is any."""
        return doubt()

    @cached_property
    def held(self) -> tuple[detection.HeldHost, ...]:
        """Hosts whose containers wait for a person."""
        return detection.held_hosts()

    @cached_property
    def waiting(self) -> tuple[operations.Held, ...]:
        """Operations that wait for the governor."""
        return operations.held_operations()

    @cached_property
    def unseated(self) -> tuple[scheduling.HoldView, ...]:
        """Copies that are wanted and have no seat, with the reason."""
        return scheduling.open_holds()

    @cached_property
    def hurt(self) -> tuple[inventory.ApplicationView, ...]:
        """Applications with less than they want: the downed first."""
        order = {"down": 0, "unknown": 1, "risk": 2}
        hurt = [a for a in self.applications if a.state]
        return tuple(sorted(hurt, key=lambda a: (order[a.state], -a.priority, a.name)))

    @cached_property
    def blind(self) -> str:
        """Why Tocsin sees nothing, if it says so."""
        return self.brake.blind

    @cached_property
    def vouches(self) -> tuple[detection.LossVouchView, ...]:
        """Words of people that a datacenter is lost."""
        return detection.loss_vouches()

    @cached_property
    def silent_sites(self) -> tuple[Silence, ...]:
        """Of which nobody can tell whether they are lost or cut off, while Tocsin is blind."""
        return detection.silent_sites(clock.system.now()) if self.blind else ()

    @cached_property
    def freezes(self) -> tuple[detection.FreezeView, ...]:
        """What recovery plans have frozen."""
        return detection.freezes()

    @cached_property
    def fences(self) -> tuple[FenceView, ...]:
        """Datacenters that recovery plans have fenced."""
        return standing_fences()

    @cached_property
    def behind(self) -> tuple[Behind, ...]:
        """Datacenters that answer behind such a fence; none while nobody sees."""
        return () if self.unseeing else behind_fences(self.fences, self.lost_sites)

    @cached_property
    def owners(self) -> dict[str, int]:
        """Runs that still need what they froze and fenced: name → number."""
        return owning_runs() if self.freezes or self.fences else {}

    @cached_property
    def unwatched(self) -> str:
        """Why no controller looks, if none does."""
        return UNWATCHED if self.is_watched is False else ""

    @cached_property
    def unseeing(self) -> str:
        """Why nobody sees the fleet now, by Tocsin's own word or because none watches."""
        return self.blind or self.unwatched

    @cached_property
    def ringing(self) -> tuple[alarm_rows.AlarmView, ...]:
        return tuple(a for a in self.alarms if a.rings)

    @cached_property
    def first(self) -> incident_rows.IncidentView | None:
        """The incident to look at: one that nobody has, else the oldest open one."""
        return next(iter(self.incidents), None)

    @cached_property
    def standing(self) -> Standing:
        hosts = [host for site in self.sites for host in site.hosts]
        lost = {site.name: site.count("down") for site in self.sites if site.count("down")}
        verdicts = Counter(host.verdict for host in hosts)
        gone = [host for host in hosts if host.state == "down"]
        return Standing(
            hosts=len(hosts),
            lost=lost,
            sizes={site.name: len(site.hosts) for site in self.sites},
            gone=tuple(host.name for host in gone),
            near=self._near(gone[0]) if len(gone) == 1 else (),
            word="hung" if gone and {host.verdict for host in gone} == {"hung"} else "lost",
            services=len(self.applications),
            at_risk=sum(a.state != "down" for a in self.hurt),
            unseen=sum(verdicts[v] for v in inventory.UNSEEN),
            wanted=sum(a.copies for a in self.applications),
            answering=sum(min(a.answering, a.copies) for a in self.applications),
            arriving=sum(len(a.arriving) for a in self.applications if a.state),
            unseen_containers=sum(
                min(a.unseen, max(0, a.copies - a.answering)) for a in self.applications
            ),
            down=tuple(a.name for a in self.hurt if a.state == "down"),
            databases=self._databases,
            promises=sum(one.tone == "down" for one in self.broken_promises),
            held=len(self.held),
            paused=self.brake.paused_by if self.brake.paused_at else "",
            frozen=tuple(dict.fromkeys(one.run for one in self.freezes)),
            doubt=self.doubt is not None,
            blind=self.blind,
            silent=tuple(one.site for one in self.silent_sites),
            is_watched=self.is_watched,
        )

    @property
    def _databases(self) -> Databases:
        down = [d for d in self.databases if d.tone == "down"]
        moving = [d.name for d in down if d.running is not None and not d.has_lost_all]
        return Databases(
            all=len(self.databases),
            moving=tuple(moving),
            waiting=tuple(d.name for d in down if d.name not in moving and d.state == "waiting"),
            down=tuple(d.name for d in down if d.name not in moving and d.state != "waiting"),
            at_risk=sum(d.tone == "risk" and not is_settling(d) for d in self.databases),
            settling=sum(is_settling(d) for d in self.databases),
            forming=sum(d.state == "making" for d in self.databases),
            unseen=sum(d.tone == "unknown" and d.state != "making" for d in self.databases),
        )

    def _near(self, gone: inventory.HostCell) -> tuple[str, ...]:
        """What around a single gone host answers as a whole."""
        for site in self.sites:
            for rack in site.racks:
                if gone in rack.hosts:
                    around = (("its rack", rack.hosts), ("its datacenter", site.hosts))
                    return tuple(word for word, among in around if _rest_answers(gone, among))
        return ()

    @cached_property
    def sentence(self) -> Sentence:
        return say(self.standing)

    @cached_property
    def alarm(self) -> str:
        """`open`: nobody has it · `taken`: somebody has · empty: nothing rings or rang."""
        if self.ringing or any(i.is_open and not i.is_taken for i in self.incidents):
            return "open"
        if any(i.is_open for i in self.incidents) or self.alarms or self.sentence.tone == "down":
            return "taken"
        return ""


def is_settling(view: DatabaseView) -> bool:
    """All that is wrong with it: a standby follows, and not for long enough yet to be promoted.

    So it is after every start and every failover, for a minute; nobody has to do anything."""
    new = [copy for copy in view.standbys if copy.is_streaming and not copy.is_proven]
    return view.tone == "risk" and view.degraded_at is None and not view.targets and bool(new)


def _look(site: inventory.SiteView) -> Look:
    verdicts = [Verdict(host.verdict) for host in site.hosts]
    hosts = tuple(HostFact("", one) for one in verdicts if one is not Verdict.ENROLLING)
    return look_of(SiteFact(site.name, "", hosts))


def _recorded(site: inventory.SiteView) -> inventory.SiteView:
    racks = (
        replace(rack, hosts=tuple(replace(host, is_recorded=True) for host in rack.hosts))
        for rack in site.racks
    )
    return replace(site, racks=tuple(racks))


def _rest_answers(gone: inventory.HostCell, among: tuple[inventory.HostCell, ...]) -> bool:
    rest = [host for host in among if host != gone]
    return bool(rest) and all(host.verdict == "alive" for host in rest)
