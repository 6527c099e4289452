"""Every address. Deep links for everything: state lives in the URL."""

from __future__ import annotations

from django.urls import include, path

from dashboard.api import api
from dashboard.views import act, databases, look, machine, moves, recovery, restores

urlpatterns = [
    path("", look.overview),
    path("incidents/", look.incidents),
    path("incidents/<int:number>/", look.incident),
    path("incidents/<int:number>/acknowledge/", act.acknowledge_incident),
    path("incidents/<int:number>/note/", act.add_note),
    path("alarms/<uuid:pk>/acknowledge/", act.acknowledge_alarm),
    path("applications/", look.applications),
    path("applications/<str:name>/", look.application),
    path("hosts/", look.hosts),
    path("hosts/<str:name>/", look.host),
    path("hosts/<str:name>/uncordon/", act.uncordon),
    path("hosts/<str:name>/<str:verb>/", act.host_act),
    path("databases/", look.databases),
    path("databases/<str:name>/", look.database),
    path("databases/<str:name>/switchover/", databases.switchover),
    path("databases/<str:name>/call-off/", databases.call_off),
    path("databases/<str:name>/move/", moves.move),
    path("databases/<str:name>/restore/", restores.restore),
    path("databases/<str:name>/restore/call-off/", restores.call_off),
    path("databases/<str:name>/standby/", databases.standby),
    path("databases/<str:name>/unblock/", databases.unblock),
    path("databases/<str:name>/vouch/", databases.vouch),
    path("backups/", look.backups),
    path("recovery/", recovery.overview),
    path("recovery/decisions/<int:number>/", recovery.decision),
    path("recovery/<str:name>/", recovery.datacenter),
    path("recovery/<str:name>/activate/", recovery.activate),
    path("recovery/<str:name>/wait/", recovery.wait),
    path("recovery/<str:name>/provider/", recovery.note_word),
    path("held/", look.held),
    path("held/release/", act.release_held),
    path("held/pause/", act.pause),
    path("held/go-on/", act.clear_pause),
    path("held/fences/<str:site>/lift/", act.lift_fence),
    path("held/freezes/<uuid:pk>/lift/", act.lift_freeze),
    path("held/settle/", act.settle),
    path("placements/<uuid:pk>/release/", act.release_placement),
    path("processes/", look.machine),
    path("log/", look.log),
    path("log/<int:pk>/", look.entry),
    path("lab/", look.lab),
    path("lab/hosts/<str:name>/<str:verb>/", act.lab_host),
    path("lab/datacenters/<str:name>/kill/", act.lose_datacenter),
    path("find/", look.find),
    path("help/", look.guide),
    path("theme/", look.theme),
    path("account/", include("allauth.urls")),
    path("api/", api.urls),
    path("healthz", machine.healthz),
    path("metrics", machine.metrics),
    path("edge/routes", machine.edge_routes),
]
handler404 = "dashboard.views.look.not_found"
