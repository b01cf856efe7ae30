-- What replicas share. Times are nanoseconds since the epoch, by the clock of this server; a moment `at`
-- is given by tests alone. Functions have a version in their name, so that old and new gateways can
-- work side by side.

-- Buckets hold the theoretical arrival time of their next event (ITU-T I.371, annex A). They are worth
-- no log: after a crash of the server all are full.
CREATE UNLOGGED TABLE IF NOT EXISTS toolgate_bucket (
    name bytea PRIMARY KEY,
    arrival bigint NOT NULL
) WITH (fillfactor = 50);

-- Calls at work, each under a lease that ends by itself if its gateway does.
CREATE UNLOGGED TABLE IF NOT EXISTS toolgate_working (
    cap bytea NOT NULL,
    lease bytea NOT NULL,
    until bigint NOT NULL,
    PRIMARY KEY (cap, lease)
);

-- What was used once, and until when that matters.
CREATE TABLE IF NOT EXISTS toolgate_once (
    name bytea PRIMARY KEY,
    until bigint NOT NULL
);

-- What was used, by what it is as JSON.
CREATE TABLE IF NOT EXISTS toolgate_usage (
    deployment text NOT NULL,
    counter text NOT NULL,
    calls bigint NOT NULL DEFAULT 0,
    errors bigint NOT NULL DEFAULT 0,
    cost bigint NOT NULL DEFAULT 0,
    micros bigint NOT NULL DEFAULT 0,
    bytes bigint NOT NULL DEFAULT 0,
    until bigint NOT NULL,
    PRIMARY KEY (deployment, counter)
);

-- Sealed texts with versions.
CREATE TABLE IF NOT EXISTS toolgate_shelf (
    deployment text NOT NULL,
    shelf text NOT NULL,
    name bytea NOT NULL,
    version bigint NOT NULL,
    text text NOT NULL,
    until bigint NOT NULL,
    PRIMARY KEY (deployment, shelf, name)
);

CREATE OR REPLACE FUNCTION toolgate_now_1(at bigint) RETURNS bigint LANGUAGE sql AS $$
    SELECT coalesce(at, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint * 1000)
$$;

-- Takes tokens out of every bucket, or out of none. Answers for each bucket, up to the first that
-- refuses, the nanoseconds after which it is full; of the one that refuses, negative, those after
-- which it has enough.
CREATE OR REPLACE FUNCTION toolgate_take_1(
    names bytea[], wanted bigint[], bursts bigint[], at bigint
) RETURNS bigint[] LANGUAGE plpgsql AS $$
DECLARE
    now bigint;
    kept bigint;
    ahead bigint;
    answer bigint[] := '{}';
BEGIN
    -- All are locked in one order, so that no two calls wait for each other.
    INSERT INTO toolgate_bucket AS b
        SELECT name, 0 FROM unnest(names) AS name ORDER BY name
        ON CONFLICT (name) DO UPDATE SET arrival = b.arrival;
    now := toolgate_now_1(at);
    FOR i IN 1 .. array_length(names, 1) LOOP
        SELECT b.arrival INTO kept FROM toolgate_bucket AS b WHERE b.name = names[i];
        ahead := greatest(kept - now, 0) + wanted[i];
        IF ahead > bursts[i] THEN
            RETURN answer || (bursts[i] - ahead);
        END IF;
        answer := answer || ahead;
    END LOOP;
    UPDATE toolgate_bucket AS b SET arrival = now + t.ahead
        FROM unnest(names, answer) AS t (name, ahead) WHERE b.name = t.name;
    RETURN answer;
END $$;

-- Gives back tokens that were taken for what did not happen in the end.
CREATE OR REPLACE FUNCTION toolgate_give_back_1(names bytea[], wanted bigint[])
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM toolgate_bucket AS b WHERE b.name = ANY (names) ORDER BY b.name FOR UPDATE;
    UPDATE toolgate_bucket AS b SET arrival = greatest(b.arrival - t.wanted, 0)
        FROM unnest(names, wanted) AS t (name, wanted) WHERE b.name = t.name;
END $$;

-- Counts a call in under every cap, or under none: 0, or the number of the cap that is reached.
CREATE OR REPLACE FUNCTION toolgate_start_1(
    caps bytea[], most bigint[], called bytea, lasting bigint, at bigint
) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    now bigint;
BEGIN
    -- Whoever counts the same comes one after the other, all in one order.
    PERFORM pg_advisory_xact_lock(o.id) FROM (
        SELECT DISTINCT hashtextextended(encode(c.cap, 'hex'), 0) AS id
            FROM unnest(caps) AS c (cap) ORDER BY 1) AS o;
    now := toolgate_now_1(at);
    FOR i IN 1 .. array_length(caps, 1) LOOP
        IF (SELECT count(*) FROM toolgate_working AS w WHERE w.cap = caps[i] AND w.until > now)
            >= most[i] THEN
            RETURN i;
        END IF;
    END LOOP;
    INSERT INTO toolgate_working AS w SELECT c.cap, called, now + lasting
        FROM unnest(caps) AS c (cap)
        ON CONFLICT (cap, lease) DO UPDATE SET until = excluded.until;
    RETURN 0;
END $$;

-- Whether this is the first time within so many nanoseconds.
CREATE OR REPLACE FUNCTION toolgate_once_1(wanted bytea, lasting bigint, at bigint)
RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    now bigint := toolgate_now_1(at);
BEGIN
    INSERT INTO toolgate_once AS o VALUES (wanted, now + lasting)
        ON CONFLICT (name) DO UPDATE SET until = excluded.until WHERE o.until <= now;
    RETURN FOUND;
END $$;

-- Keeps a text, if what is there has the version that is expected, 0 where nothing may be there. Versions
-- go by the clock, so that what is put there anew never has one of before.
CREATE OR REPLACE FUNCTION toolgate_put_1(
    whose text, on_shelf text, called bytea, expected bigint, content text, lasting bigint, at bigint
) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    now bigint := toolgate_now_1(at);
    next bigint := greatest(expected + 1, toolgate_now_1(NULL));
BEGIN
    IF expected = 0 THEN
        INSERT INTO toolgate_shelf AS s VALUES (whose, on_shelf, called, next, content, now + lasting)
            ON CONFLICT (deployment, shelf, name) DO UPDATE
            SET version = greatest(s.version + 1, next), text = content, until = now + lasting
            WHERE s.until <= now;
    ELSE
        UPDATE toolgate_shelf AS s SET version = next, text = content, until = now + lasting
            WHERE s.deployment = whose AND s.shelf = on_shelf AND s.name = called
            AND s.version = expected AND s.until > now;
    END IF;
    RETURN FOUND;
END $$;

-- Keeps a text as `toolgate_put_1` does, if its shelf has room: 1; 0 where another version is there;
-- 2 where there is no room.
CREATE OR REPLACE FUNCTION toolgate_place_1(
    whose text, on_shelf text, called bytea, expected bigint, content text, lasting bigint,
    most bigint, room bigint, at bigint
) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    now bigint := toolgate_now_1(at);
    size bigint := octet_length(content);
    there bigint;
    before bigint;
    others bigint;
    used bigint;
BEGIN
    -- One after the other on a shelf, as none is counted that is not committed.
    PERFORM pg_advisory_xact_lock(hashtextextended(whose || ' ' || on_shelf, 0));
    SELECT s.version, octet_length(s.text) INTO there, before FROM toolgate_shelf AS s
        WHERE s.deployment = whose AND s.shelf = on_shelf AND s.name = called AND s.until > now;
    IF coalesce(there, 0) <> expected THEN
        RETURN 0;
    END IF;
    SELECT count(*), coalesce(sum(octet_length(s.text)), 0) INTO others, used FROM toolgate_shelf AS s
        WHERE s.deployment = whose AND s.shelf = on_shelf AND s.name <> called AND s.until > now;
    IF (expected = 0 AND others >= most) OR (size > coalesce(before, 0) AND used + size > room) THEN
        RETURN 2;
    END IF;
    RETURN toolgate_put_1(whose, on_shelf, called, expected, content, lasting, at)::integer;
END $$;

-- Counts what was used, or refuses to: 0, or the number of the counter that refuses. Bounds and amounts
-- stand one counter after the other: calls, cost, micros, bytes; calls, errors, cost, micros, bytes.
CREATE OR REPLACE FUNCTION toolgate_count_1(
    whose text, own text[], crowd text[], modest boolean[], kept bigint[], bounds bigint[],
    used bigint[], room integer
) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    now bigint := toolgate_now_1(NULL);
    places text[] := '{}';
    is_room boolean;
    held toolgate_usage;
BEGIN
    -- A crash of the server may cost the counts of its last half second, but no call waits for its disk.
    PERFORM set_config('synchronous_commit', 'off', true);
    FOR i IN 1 .. array_length(own, 1) LOOP
        PERFORM 1 FROM toolgate_usage WHERE deployment = whose AND counter = own[i];
        IF NOT FOUND THEN
            is_room := modest[i] AND (SELECT count(*) FROM (
                SELECT 1 FROM toolgate_usage WHERE deployment = whose LIMIT room) AS others) < room;
            places := places || CASE WHEN is_room THEN own[i] ELSE crowd[i] END;
        ELSE
            places := places || own[i];
        END IF;
    END LOOP;
    INSERT INTO toolgate_usage AS u (deployment, counter, until)
        SELECT whose, t.place, now + max(t.kept) * 1000000000
            FROM unnest(places, kept) AS t (place, kept) GROUP BY t.place ORDER BY t.place
        ON CONFLICT (deployment, counter) DO UPDATE SET until = u.until;
    FOR i IN 1 .. array_length(own, 1) LOOP
        SELECT * INTO held FROM toolgate_usage WHERE deployment = whose AND counter = places[i];
        -- What is known before a call is never exceeded; of what is known after it, the call that reaches
        -- the bound is the last.
        IF held.calls + used[5 * i - 4] > bounds[4 * i - 3] OR held.cost + used[5 * i - 2] > bounds[4 * i - 2]
            OR held.micros >= bounds[4 * i - 1] OR held.bytes >= bounds[4 * i] THEN
            RETURN i;
        END IF;
    END LOOP;
    FOR i IN 1 .. array_length(own, 1) LOOP
        UPDATE toolgate_usage SET calls = calls + used[5 * i - 4], errors = errors + used[5 * i - 3],
            cost = cost + used[5 * i - 2], micros = micros + used[5 * i - 1], bytes = bytes + used[5 * i]
            WHERE deployment = whose AND counter = places[i];
    END LOOP;
    RETURN 0;
END $$;

-- Forgets what is over.
CREATE OR REPLACE FUNCTION toolgate_prune_1() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    now bigint := toolgate_now_1(NULL);
BEGIN
    DELETE FROM toolgate_bucket WHERE arrival < now - 1000000000;
    DELETE FROM toolgate_working WHERE until <= now;
    DELETE FROM toolgate_once WHERE until <= now;
    DELETE FROM toolgate_shelf WHERE until <= now;
    DELETE FROM toolgate_usage WHERE until <= now;
END $$;
