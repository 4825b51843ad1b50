package natsstore

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/storekit"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"
)

// Snapshots are in a stream that keeps the last message of each subject. A large one is
// in parts, on subjects below the actor's; they and the head, which tells their number,
// land together.
const (
	headerParts = "Aether-Parts" // not there when the data is in the head
	headerSet   = "Aether-Set"   // the same in a head and its parts

	partSize = 512 << 10
)

func snapshotsConfig(names names, namespace string, replicas int) jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name:               names.stream(snapshotsRole, namespace),
		Subjects:           []string{names.subjects(snapshotsRole, namespace).prefix + ">"},
		Description:        "snapshots of an Aether namespace; a cache, which may be deleted",
		Retention:          jetstream.LimitsPolicy,
		Storage:            jetstream.FileStorage,
		Replicas:           replicas,
		MaxMsgs:            -1,
		MaxBytes:           -1,
		MaxMsgsPerSubject:  1,
		MaxMsgSize:         -1,
		Duplicates:         100 * time.Millisecond,
		AllowAtomicPublish: true,
		Metadata:           map[string]string{metaNamespace: namespace},
	}
}

func (n *namespace) snapshotSubject(actorID string) string {
	return n.store.conn.names.subjects(snapshotsRole, n.name).of(actorID)
}

// enter fails when ctx or the engine has ended.
func (n *namespace) enter(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	n.store.mu.Lock()
	defer n.store.mu.Unlock()
	if n.store.closed {
		return aether.ErrClosed
	}
	return nil
}

// SaveSnapshot is described at [aether.SnapshotStore]. Every node sees the snapshot.
func (n *namespace) SaveSnapshot(ctx context.Context, snapshot aether.Snapshot) error {
	snapshot, err := storekit.CompleteSnapshot(snapshot, time.Now())
	if err != nil {
		return err
	}
	if err := n.enter(ctx); err != nil {
		return err
	}
	conn := n.store.conn
	stream := conn.names.stream(snapshotsRole, n.name)
	subject := n.snapshotSubject(snapshot.ActorID)
	parts := 0
	if len(snapshot.Data) > partSize {
		parts = (len(snapshot.Data) + partSize - 1) / partSize
	}
	if err := n.dropParts(ctx, snapshot.ActorID, subject, parts); err != nil {
		return err
	}
	return conn.try(ctx, "save snapshot", func(ctx context.Context) error {
		messages := snapshotMessages(subject, &snapshot, parts)
		last := messages[len(messages)-1]
		for _, m := range messages[:len(messages)-1] {
			if err := conn.nc.PublishMsg(m); err != nil {
				return err
			}
		}
		switch what, _, err := conn.publish(ctx, last); what {
		case landed:
			return nil
		case forbidden:
			return err
		}
		// Where there is no stream yet nobody answers.
		if err := conn.createStream(ctx, snapshotsConfig(conn.names, n.name, n.store.options.Replicas)); err != nil {
			return err
		}
		return fmt.Errorf("%s does not answer: %w", stream, nats.ErrTimeout)
	})
}

// snapshotMessages returns the messages of a snapshot, the head last.
func snapshotMessages(subject string, s *aether.Snapshot, parts int) []*nats.Msg {
	head := &nats.Msg{Subject: subject, Data: s.Data, Header: nats.Header{
		headerVersion: {strconv.FormatUint(uint64(s.Version), 10)},
		headerSchema:  {strconv.Itoa(s.Schema)},
		headerTime:    {s.Time.Format(timeForm)},
	}}
	if parts == 0 {
		return []*nats.Msg{head}
	}
	id := nuid.Next()
	var messages []*nats.Msg
	for data := s.Data; len(data) > 0; {
		part := data[:min(partSize, len(data))]
		data = data[len(part):]
		messages = append(messages, &nats.Msg{Subject: subject + "." + strconv.Itoa(len(messages)+1), Data: part, Header: nats.Header{}})
	}
	head.Data = nil
	head.Header.Set(headerParts, strconv.Itoa(parts))
	head.Header.Set(headerBatchCommit, "1")
	messages = append(messages, head)
	for i, m := range messages {
		m.Header.Set(headerSet, id)
		m.Header.Set(headerBatch, id)
		m.Header.Set(headerBatchSequence, strconv.Itoa(i+1))
	}
	return messages
}

// dropParts removes those of the actor's former snapshot that this engine has saved, if
// the next one does not take their place.
func (n *namespace) dropParts(ctx context.Context, actorID, subject string, parts int) error {
	n.store.mu.Lock()
	former := n.parts[actorID]
	if parts > 0 {
		n.parts[actorID] = parts
	} else {
		delete(n.parts, actorID)
	}
	n.store.mu.Unlock()
	if former <= parts {
		return nil
	}
	return n.store.conn.try(ctx, "save snapshot", func(ctx context.Context) error {
		request := map[string]string{"filter": subject + ".*"}
		var answer struct{}
		return n.store.conn.ask(ctx, "STREAM.PURGE."+n.store.conn.names.stream(snapshotsRole, n.name), request, &answer)
	})
}

// GetLatestSnapshot is described at [aether.SnapshotStore].
func (n *namespace) GetLatestSnapshot(ctx context.Context, actorID string) (aether.Snapshot, error) {
	if err := aether.CheckActorID(actorID); err != nil {
		return aether.Snapshot{}, err
	}
	if err := n.enter(ctx); err != nil {
		return aether.Snapshot{}, err
	}
	subject := n.snapshotSubject(actorID)
	for range snapshotTries {
		head, err := n.lastMessage(ctx, subject)
		if err != nil {
			return aether.Snapshot{}, err
		}
		s, parts, err := decodeSnapshot(head)
		if err != nil {
			n.store.conn.logger.Warn("natsstore: a snapshot is not used", "subject", subject, "error", err)
			return aether.Snapshot{}, aether.ErrSnapshotNotFound
		}
		s.ActorID = actorID
		if parts == 0 {
			return s, nil
		}
		whole := true
		for i := 0; i < parts && whole; i++ {
			part, err := n.lastMessage(ctx, subject+"."+strconv.Itoa(i+1))
			switch {
			case err == nil && part.Header.Get(headerSet) == head.Header.Get(headerSet):
				s.Data = append(s.Data, part.Data...)
			case err == nil, err == aether.ErrSnapshotNotFound:
				whole = false // another one was saved meanwhile
			default:
				return aether.Snapshot{}, err
			}
		}
		if whole {
			return s, nil
		}
	}
	return aether.Snapshot{}, aether.ErrSnapshotNotFound
}

// snapshotTries is how often a snapshot is read that is replaced at the same time.
const snapshotTries = 5

func decodeSnapshot(m *nats.Msg) (s aether.Snapshot, parts int, err error) {
	version, err := strconv.ParseUint(m.Header.Get(headerVersion), 10, 63)
	if err != nil {
		return s, 0, err
	}
	s = aether.Snapshot{Version: aether.Version(version), Data: m.Data}
	if s.Schema, err = strconv.Atoi(m.Header.Get(headerSchema)); err != nil {
		return s, 0, err
	}
	if s.Time, err = time.Parse(timeForm, m.Header.Get(headerTime)); err != nil {
		return s, 0, err
	}
	if text := m.Header.Get(headerParts); text != "" {
		parts, err = strconv.Atoi(text)
	}
	return s, parts, err
}

// lastMessage asks the leader for the last message of a subject, and returns
// [aether.ErrSnapshotNotFound] when there is none.
func (n *namespace) lastMessage(ctx context.Context, subject string) (*nats.Msg, error) {
	var found *nats.Msg
	err := n.store.conn.try(ctx, "read snapshot", func(ctx context.Context) (err error) {
		found, _, err = n.store.conn.lastMessage(ctx, n.store.conn.names.stream(snapshotsRole, n.name), subject)
		if isCode(err, codeMessageNotFound) || isNotFound(err) {
			return aether.ErrSnapshotNotFound
		}
		return err
	})
	return found, err
}
