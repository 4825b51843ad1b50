-- +goose Up

-- One row a namespace; its lock is what orders the saves. A name is there once
-- somebody has saved events or snapshots under it.
CREATE TABLE namespaces (
    id   integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text COLLATE "C" NOT NULL UNIQUE,
    head bigint NOT NULL DEFAULT 0 CHECK (head >= 0) -- position of the last event
) WITH (fillfactor = 10, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);

COMMENT ON COLUMN namespaces.head IS 'position of the last event';

CREATE TABLE events (
    namespace      integer     NOT NULL, -- without a foreign key: it would lock the head once more for each event
    schema         integer     NOT NULL,
    position       bigint      NOT NULL,
    version        bigint      NOT NULL,
    time           timestamptz NOT NULL,
    actor          text COLLATE "C" NOT NULL,
    id             text COLLATE "C" NOT NULL,
    type           text COLLATE "C" NOT NULL,
    data           text        NOT NULL, -- the bytes as they were saved; cast to jsonb to look into it
    correlation_id text,
    causation_id   text,
    traceparent    text,
    PRIMARY KEY (namespace, position),
    CONSTRAINT events_version UNIQUE (namespace, actor, version),
    CONSTRAINT events_id UNIQUE (namespace, actor, id)
);

COMMENT ON TABLE events IS 'append-only: nothing is ever changed or deleted';

CREATE TABLE snapshots (
    namespace integer NOT NULL,
    actor     text COLLATE "C" NOT NULL,
    version   bigint NOT NULL,
    schema    integer NOT NULL,
    time      timestamptz NOT NULL,
    data      bytea NOT NULL,
    PRIMARY KEY (namespace, actor)
);

-- How far projections into users' own tables have come.
CREATE TABLE projections (
    name       text COLLATE "C" PRIMARY KEY,
    version    integer NOT NULL,
    checkpoint text NOT NULL
);

-- The names of tables in functions are written out, with the schema, by format: %1$I is
-- it. To set search_path for each call costs as much as to insert several events.

-- append_events writes a group of saves and returns the position of the last event,
-- or null, having written nothing, when one of the actors is not at the version that
-- comes before its first event here (in_first). An ID that its actor has already
-- fails with unique_violation. After in_deadline it fails with AE001: whoever has
-- given up waiting can rely on it that nothing lands any more.
--
-- The update of the head takes the lock of the namespace. Every statement after it
-- sees what was committed before, so what is checked here holds until the commit.
-- +goose StatementBegin
DO $do$ BEGIN EXECUTE format($format$
CREATE FUNCTION append_events(
    in_namespace text,
    in_count     integer,
    in_deadline  timestamptz,
    in_actors    text[],
    in_versions  bigint[],
    in_first     boolean[],
    in_ids       text[],
    in_types     text[],
    in_schemas   integer[],
    in_times     timestamptz[],
    in_data      text[],
    in_correlation_ids text[],
    in_causation_ids   text[],
    in_traceparents    text[],
    OUT last bigint,
    OUT clock timestamptz
) LANGUAGE plpgsql
AS $$
DECLARE
    ns integer;
BEGIN
    PERFORM set_config('plan_cache_mode', 'force_generic_plan', true); -- no plan is better for some values
    IF current_setting('synchronous_commit') = 'off' THEN
        PERFORM set_config('synchronous_commit', 'on', true); -- a save that returned is on disk
    END IF;
    UPDATE %1$I.namespaces SET head = head + in_count WHERE name = in_namespace RETURNING id, head INTO ns, last;
    IF NOT FOUND THEN
        INSERT INTO %1$I.namespaces (name, head) VALUES (in_namespace, in_count)
            ON CONFLICT (name) DO UPDATE SET head = namespaces.head + in_count
            RETURNING id, head INTO ns, last;
    END IF;
    clock := clock_timestamp();
    IF clock >= in_deadline THEN
        RAISE EXCEPTION 'aether: too late to write' USING ERRCODE = 'AE001';
    END IF;
    IF EXISTS (
        SELECT FROM unnest(in_actors, in_versions, in_first) AS s (actor, version, first)
        WHERE s.first AND s.version <> 1 + coalesce((
            SELECT e.version FROM %1$I.events e WHERE e.namespace = ns AND e.actor = s.actor
            ORDER BY e.version DESC LIMIT 1), 0)
    ) THEN
        UPDATE %1$I.namespaces SET head = head - in_count WHERE id = ns;
        last := NULL;
        RETURN;
    END IF;
    INSERT INTO %1$I.events (namespace, schema, position, version, time, actor, id, type, data, correlation_id, causation_id, traceparent)
        SELECT ns, s.schema, last - in_count + s.n, s.version, s.time, s.actor, s.id, s.type, s.data, s.correlation_id, s.causation_id, s.traceparent
        FROM unnest(in_actors, in_versions, in_ids, in_types, in_schemas, in_times, in_data, in_correlation_ids, in_causation_ids, in_traceparents)
            WITH ORDINALITY AS s (actor, version, id, type, schema, time, data, correlation_id, causation_id, traceparent, n);
END
$$;
$format$, current_schema()); END $do$;
-- +goose StatementEnd

-- look_up returns the latest versions of the actors, and the versions at which the
-- actors of the events have events of these IDs; 0 for none. All is of one moment.
-- +goose StatementBegin
DO $do$ BEGIN EXECUTE format($format$
CREATE FUNCTION look_up(
    in_namespace text,
    in_actors    text[],
    in_id_actors text[],
    in_ids       text[],
    OUT latest bigint[],
    OUT versions bigint[],
    OUT clock timestamptz
) LANGUAGE plpgsql STABLE
AS $$
BEGIN
    PERFORM set_config('plan_cache_mode', 'force_generic_plan', true);
    SELECT
        ARRAY(SELECT coalesce((
                SELECT e.version FROM %1$I.events e WHERE e.namespace = n.id AND e.actor = a.actor
                ORDER BY e.version DESC LIMIT 1), 0)
            FROM unnest(in_actors) WITH ORDINALITY AS a (actor, i) ORDER BY a.i),
        ARRAY(SELECT coalesce((
                SELECT e.version FROM %1$I.events e WHERE e.namespace = n.id AND e.actor = a.actor AND e.id = a.id), 0)
            FROM unnest(in_id_actors, in_ids) WITH ORDINALITY AS a (actor, id, i) ORDER BY a.i),
        clock_timestamp()
        INTO latest, versions, clock
        FROM (SELECT (SELECT id FROM %1$I.namespaces WHERE name = in_namespace) AS id) AS n;
END
$$;
$format$, current_schema()); END $do$;
-- +goose StatementEnd

-- A snapshot is a cache, so nobody waits for the disk.
-- +goose StatementBegin
DO $do$ BEGIN EXECUTE format($format$
CREATE FUNCTION save_snapshot(
    in_namespace text,
    in_actor     text,
    in_version   bigint,
    in_schema    integer,
    in_time      timestamptz,
    in_data      bytea
) RETURNS void LANGUAGE plpgsql
AS $$
DECLARE
    ns integer;
BEGIN
    PERFORM set_config('synchronous_commit', 'off', true);
    SELECT id INTO ns FROM %1$I.namespaces WHERE name = in_namespace;
    IF NOT FOUND THEN
        INSERT INTO %1$I.namespaces (name) VALUES (in_namespace) ON CONFLICT (name) DO NOTHING RETURNING id INTO ns;
        IF ns IS NULL THEN
            SELECT id INTO ns FROM %1$I.namespaces WHERE name = in_namespace;
        END IF;
    END IF;
    INSERT INTO %1$I.snapshots (namespace, actor, version, schema, time, data)
        VALUES (ns, in_actor, in_version, in_schema, in_time, in_data)
        ON CONFLICT (namespace, actor) DO UPDATE
        SET version = excluded.version, schema = excluded.schema, time = excluded.time, data = excluded.data;
END
$$;
$format$, current_schema()); END $do$;
-- +goose StatementEnd
