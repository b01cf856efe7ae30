// The events of one session, so that a client can resume a stream where it broke.

/** Remembers every event. A session of a test is short, so none is forgotten. */
export class EventStore {
  #events = [];

  async storeEvent(streamId, message) {
    const id = `${this.#events.length}`;
    this.#events.push({ id, streamId, message });
    return id;
  }

  async getStreamIdForEventId(id) {
    return this.#events[id]?.streamId;
  }

  async replayEventsAfter(lastId, { send }) {
    const last = this.#events[lastId];
    if (last === undefined) throw new Error(`no such event: ${lastId}`);
    // Never another stream's events: those are other requests' answers.
    const missed = this.#events
      .slice(Number(lastId) + 1)
      .filter((event) => event.streamId === last.streamId);
    for (const { id, message } of missed) await send(id, message);
    return last.streamId;
  }
}
