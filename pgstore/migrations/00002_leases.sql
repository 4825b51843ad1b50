-- +goose Up

-- Who of several processes does what: see Leases. Times are of the server's clock.
CREATE TABLE leases (
    name    text COLLATE "C" PRIMARY KEY,
    holding text        NOT NULL, -- ID of the time that somebody has, or had, it
    owner   text        NOT NULL,
    token   bigint      NOT NULL,
    ends    timestamptz NOT NULL
);
