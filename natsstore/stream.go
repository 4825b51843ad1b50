package natsstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aether-es/aether"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// The metadata of the streams.
const (
	metaNamespace = "aether-namespace"
	metaID        = "aether-id" // random, made with the stream
)

// streamState is what is asked of a stream most often.
type streamState struct {
	Config struct {
		Metadata map[string]string `json:"metadata"`
	} `json:"config"`
	State struct {
		Messages uint64 `json:"messages"`
		FirstSeq uint64 `json:"first_seq"`
		LastSeq  uint64 `json:"last_seq"`
	} `json:"state"`
	Cluster *struct {
		Leader      string     `json:"leader"`
		LeaderSince *time.Time `json:"leader_since"`
		RaftGroup   string     `json:"raft_group"`
		Replicas    []struct {
			Name string `json:"name"`
		} `json:"replicas"`
	} `json:"cluster"`
}

// replicated says whether the stream is on several servers.
func (s *streamState) replicated() bool { return s.Cluster != nil && s.Cluster.RaftGroup != "" }

// errNoLeader: the answer came from a server that was not the stream's leader, so it may
// be out of date.
var errNoLeader = fmt.Errorf("the stream has no leader: %w", nats.ErrTimeout)

// streamState asks the leader of a stream how far it has come. Without a leader, other
// servers answer; their answers do not count.
func (c *Conn) streamState(ctx context.Context, stream string) (*streamState, error) {
	var s streamState
	if err := c.ask(ctx, "STREAM.INFO."+stream, nil, &s); err != nil {
		return nil, err
	}
	if cluster := s.Cluster; s.replicated() && cluster.LeaderSince == nil {
		// Only the leader itself knows since when. Where the server is too old to say
		// so, it is known by not being among its own replicas.
		leads := cluster.Leader != ""
		for _, replica := range cluster.Replicas {
			leads = leads && replica.Name != cluster.Leader
		}
		if !leads {
			return nil, errNoLeader
		}
	}
	return &s, nil
}

func isNotFound(err error) bool {
	return isCode(err, codeStreamNotFound) || errors.Is(err, jetstream.ErrStreamNotFound)
}

// eventsConfig is the stream of a namespace's events.
func eventsConfig(names names, namespace string, replicas int) jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name:               names.stream(eventsRole, namespace),
		Subjects:           []string{names.subjects(eventsRole, namespace).prefix + ">"},
		Description:        "events of an Aether namespace; append-only",
		Retention:          jetstream.LimitsPolicy,
		Storage:            jetstream.FileStorage,
		Replicas:           replicas,
		MaxMsgs:            -1,
		MaxBytes:           -1,
		MaxMsgsPerSubject:  -1,
		MaxMsgSize:         -1,
		Discard:            jetstream.DiscardNew,
		DenyDelete:         true,
		DenyPurge:          true,
		AllowAtomicPublish: true,
		Duplicates:         100 * time.Millisecond, // nothing relies on it
		Metadata:           map[string]string{metaNamespace: namespace, metaID: aether.NewID()},
	}
}

// createStream makes a stream unless it is there already, and checks that it is as it
// must be. Of several that make it at the same time one does.
func (c *Conn) createStream(ctx context.Context, config jetstream.StreamConfig) error {
	return c.try(ctx, "make stream "+config.Name, func(ctx context.Context) error {
		info, err := c.js.CreateStream(ctx, config)
		if isCode(err, codeNameInUse) || errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
			info, err = c.js.Stream(ctx, config.Name)
			if isNotFound(err) {
				err = fmt.Errorf("it is being made: %w", nats.ErrTimeout)
			}
		}
		if err != nil {
			return err
		}
		return checkStream(&config, &info.CachedInfo().Config)
	})
}

// checkStream compares the settings that promises depend on.
func checkStream(want, have *jetstream.StreamConfig) error {
	for _, setting := range []struct {
		name       string
		have, want any
	}{
		{"allow_atomic", have.AllowAtomicPublish, want.AllowAtomicPublish},
		{"deny_delete", have.DenyDelete, want.DenyDelete},
		{"deny_purge", have.DenyPurge, want.DenyPurge},
		{"retention", have.Retention, want.Retention},
		{"storage", have.Storage, want.Storage},
		{"max_msgs", have.MaxMsgs, want.MaxMsgs},
		{"max_bytes", have.MaxBytes, want.MaxBytes},
		{"max_age", have.MaxAge, want.MaxAge},
		{"max_msgs_per_subject", have.MaxMsgsPerSubject, want.MaxMsgsPerSubject},
		{"sealed", have.Sealed, false},
		{"subjects", fmt.Sprint(have.Subjects), fmt.Sprint(want.Subjects)},
		{"metadata." + metaNamespace, have.Metadata[metaNamespace], want.Metadata[metaNamespace]},
	} {
		if setting.have != setting.want {
			return &SettingsError{have.Name, setting.name, fmt.Sprintf("%q", fmt.Sprint(setting.have)), fmt.Sprintf("%q", fmt.Sprint(setting.want))}
		}
	}
	return nil
}

// streamsWithMessages returns the namespaces of the streams that have messages and take
// subjects of a pattern.
func (c *Conn) streamsWithMessages(ctx context.Context, pattern string) ([]string, error) {
	var names []string
	for offset := 0; ; {
		request := struct {
			Offset  int    `json:"offset"`
			Subject string `json:"subject"`
		}{offset, pattern}
		var page struct {
			Total   int           `json:"total"`
			Limit   int           `json:"limit"`
			Streams []streamState `json:"streams"`
		}
		if err := c.ask(ctx, "STREAM.LIST", request, &page); err != nil {
			return nil, err
		}
		for i := range page.Streams {
			if name := page.Streams[i].Config.Metadata[metaNamespace]; name != "" && page.Streams[i].State.Messages > 0 {
				names = append(names, name)
			}
		}
		offset += len(page.Streams)
		if len(page.Streams) == 0 || offset >= page.Total {
			return names, nil
		}
	}
}

// messageRequest asks for one message: that of a sequence, the first of a subject from
// there on, or the last of a subject.
type messageRequest struct {
	Sequence uint64 `json:"seq,omitempty"`
	Next     string `json:"next_by_subj,omitempty"`
	Last     string `json:"last_by_subj,omitempty"`
}

// getMessage asks a stream's leader for a message, and returns it with its sequence.
func (c *Conn) getMessage(ctx context.Context, stream string, request messageRequest) (*nats.Msg, uint64, error) {
	var answer struct {
		Message struct {
			Subject  string `json:"subject"`
			Sequence uint64 `json:"seq"`
			Header   []byte `json:"hdrs"`
			Data     []byte `json:"data"`
		} `json:"message"`
	}
	if err := c.ask(ctx, "STREAM.MSG.GET."+stream, request, &answer); err != nil {
		return nil, 0, err
	}
	m := &nats.Msg{Subject: answer.Message.Subject, Data: answer.Message.Data}
	var err error
	if len(answer.Message.Header) > 0 {
		m.Header, err = nats.DecodeHeadersMsg(answer.Message.Header)
	}
	return m, answer.Message.Sequence, err
}

func (c *Conn) lastMessage(ctx context.Context, stream, subject string) (*nats.Msg, uint64, error) {
	return c.getMessage(ctx, stream, messageRequest{Last: subject})
}
