package charging

import (
	"github.com/aether-es/aether/actor"
	"github.com/aether-es/aether/apps/charging/registry"
	"github.com/aether-es/aether/apps/charging/session"
	"github.com/aether-es/aether/apps/charging/station"
)

// The behaviour of the actors of the system.

func stationDecider() actor.Decider[*station.Station, station.Message, station.Event] {
	return actor.Decider[*station.Station, station.Message, station.Event]{
		Kind: station.Kind, Events: station.Events(), Initial: station.Initial, Decide: station.Decide, Evolve: station.Evolve,
		// What others ask of a station, or what it reports, is no reason to refuse what an
		// operator wants who has not seen it: the rules look at what is the case.
		Conflicts: func(station.Message, []station.Event) bool { return false },
		Snapshots: actor.JSONSnapshots[*station.Station](2),
	}
}

func sessionDecider() actor.Decider[*session.Session, session.Command, session.Event] {
	return actor.Decider[*session.Session, session.Command, session.Event]{
		Kind: session.Kind, Events: session.Events(), Initial: session.Initial, Decide: session.Decide, Evolve: session.Evolve,
		Snapshots: actor.JSONSnapshots[*session.Session](2),
	}
}

func tagDecider() actor.Decider[*registry.Tag, registry.IDTagCommand, registry.IDTagEvent] {
	return actor.Decider[*registry.Tag, registry.IDTagCommand, registry.IDTagEvent]{
		Kind: registry.IDTagKind, Events: registry.IDTagEvents(), Initial: registry.InitialIDTag,
		Decide: registry.DecideIDTag, Evolve: registry.EvolveIDTag,
	}
}

func tariffDecider() actor.Decider[*registry.Zoned, registry.TariffCommand, registry.TariffEvent] {
	return actor.Decider[*registry.Zoned, registry.TariffCommand, registry.TariffEvent]{
		Kind: registry.TariffKind, Events: registry.TariffEvents(), Initial: registry.InitialTariff,
		Decide: registry.DecideTariff, Evolve: registry.EvolveTariff,
	}
}

func recordDecider() actor.Decider[*registry.Record, registry.RecordCommand, registry.RecordEvent] {
	return actor.Decider[*registry.Record, registry.RecordCommand, registry.RecordEvent]{
		Kind: registry.RecordKind, Events: registry.RecordEvents(), Initial: registry.InitialRecord,
		Decide: registry.DecideRecord, Evolve: registry.EvolveRecord,
	}
}

func inboxDecider() actor.Decider[registry.Inbox, registry.InboxCommand, registry.InboxEvent] {
	return actor.Decider[registry.Inbox, registry.InboxCommand, registry.InboxEvent]{
		Kind: registry.InboxKind, Events: registry.InboxEvents(), Initial: registry.InitialInbox,
		Decide: registry.DecideInbox, Evolve: registry.EvolveInbox, Snapshots: actor.JSONSnapshots[registry.Inbox](1),
	}
}
