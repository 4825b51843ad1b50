package grid

import "slices"

// Led says whether a command is one that has led to these events. They tell: a grid was
// created with what the command says, a rover has landed where and as it says, and each
// move is an event, up to the one that was blocked, which has the moves that are left.
//
// It is how a command is told from another one that comes with the same ID.
func Led(command Command, events []Event) bool {
	if len(events) == 0 {
		return false
	}
	switch c := command.(type) {
	case Create:
		created, ok := events[0].(GridCreated)
		return ok && len(events) == 1 && created.Width == c.Width && created.Height == c.Height &&
			slices.Equal(created.Obstacles, inOrder(c.Obstacles))
	case Land:
		return len(events) == 1 && events[0] == Event(RoverLanded(c))
	case Move:
		made, ok := moves(c.Rover, events)
		return ok && made == c.Moves
	}
	return false
}

// moves returns the moves of a command that has led to these events of a rover.
func moves(rover string, events []Event) (string, bool) {
	var made []byte
	for i, event := range events {
		by := ""
		switch e := event.(type) {
		case RoverTurnedLeft:
			by, made = e.Rover, append(made, 'L')
		case RoverTurnedRight:
			by, made = e.Rover, append(made, 'R')
		case RoverMovedForward:
			by, made = e.Rover, append(made, 'F')
		case RoverMovedBackward:
			by, made = e.Rover, append(made, 'B')
		case RoverBlocked:
			by, made = e.Rover, append(made, e.Left...)
			if i != len(events)-1 {
				return "", false
			}
		}
		if by != rover {
			return "", false
		}
	}
	return string(made), true
}
