CREATE INDEX event_time ON event(time);
CREATE INDEX event_application ON event(application, time);
CREATE INDEX event_dest_port ON event(dest_port, time);
CREATE INDEX event_direction ON event(direction, time);
