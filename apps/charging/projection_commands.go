package charging

import (
	"time"

	"github.com/aether-es/aether/apps/charging/station"
)

// commanded applies what has become of a command.
func (a *applier) commanded(s *stationRecord, event station.Event) error {
	switch e := event.(type) {
	case station.CommandRequested:
		a.at = e.At
		return commands.Put(a.tx, CommandDocument{
			ID: e.ID, Station: a.id, Order: e.Order, Data: e.Data, By: e.By, State: station.IsRequested, Open: true,
			RequestedAt: e.At, UpdatedAt: e.At, Steps: []StepDocument{{State: station.IsRequested, At: e.At}},
			StationVersion: a.version, Position: a.position,
		})
	case station.CommandSent:
		return a.command(s, e.ID, station.IsSent, "", e.At, nil)
	case station.CommandAccepted:
		return a.accepted(s, e)
	case station.CommandRejected:
		return a.command(s, e.ID, station.IsRejected, e.Detail, e.At, func(c *CommandDocument) { c.Answer = e.Answer })
	case station.CommandNotSent:
		return a.command(s, e.ID, station.IsNotSent, e.Detail, e.At, nil)
	case station.CommandInDoubt:
		return a.command(s, e.ID, station.IsInDoubt, e.Detail, e.At, func(c *CommandDocument) { c.Until = e.Until })
	case station.CommandTimedOut:
		return a.command(s, e.ID, station.IsTimedOut, "", e.At, func(c *CommandDocument) { c.Until = e.Until })
	case station.CommandEffective:
		return a.effective(s, e)
	case station.CommandFailed:
		return a.command(s, e.ID, station.IsFailed, e.Reason, e.At, nil)
	case station.CommandExpired:
		return a.command(s, e.ID, station.IsExpired, "", e.At, nil)
	case station.CommandSettled:
		state, detail := station.IsFailed, "settled"
		if e.Happened {
			state = station.IsEffective
		}
		if e.By != "" {
			detail += " by " + e.By
		}
		return a.command(s, e.ID, state, detail, e.At, func(c *CommandDocument) { c.Settled = true })
	}
	return nil
}

// command brings a command to a state; change may be nil.
func (a *applier) command(s *stationRecord, id string, state station.State, detail string, at time.Time, change func(c *CommandDocument)) error {
	a.at = at
	was, is := false, isUnknown(state)
	found, err := commands.Update(a.tx, id, func(c *CommandDocument) {
		was = c.InDoubt
		c.State, c.Detail, c.Settled, c.Open, c.InDoubt = state, detail, false, isOpen(state), is
		c.UpdatedAt, c.StationVersion, c.Position, c.Until = at, a.version, a.position, time.Time{}
		if change != nil {
			change(c)
		}
		c.Steps = append(c.Steps, StepDocument{state, detail, at})
	})
	if err != nil || !found || was == is {
		return err
	}
	if is {
		return a.counted(tally{}, tally{InDoubt: 1})
	}
	return a.counted(tally{InDoubt: 1}, tally{})
}

func (a *applier) accepted(s *stationRecord, e station.CommandAccepted) error {
	err := a.command(s, e.ID, station.IsAccepted, "", e.At, func(c *CommandDocument) { c.Answer, c.Result, c.Until = e.Answer, e.Data, e.Until })
	if err != nil {
		return err
	}
	c, found, err := commands.Get(a.tx, e.ID)
	if err != nil || !found {
		return err
	}
	return a.changed(c, e.Answer, e.At, s)
}

func (a *applier) effective(s *stationRecord, e station.CommandEffective) error {
	err := a.command(s, e.ID, station.IsEffective, "", e.At, func(c *CommandDocument) { c.Proof, c.Started = e.Proof, e.Transaction })
	if err != nil {
		return err
	}
	c, found, err := commands.Get(a.tx, e.ID)
	if err != nil || !found {
		return err
	}
	return a.rebooted(c)
}
