-- Tables and indexes of the index of files for postgresql.
-- Generated from cachedb/catalog/schema/file_tables.py by `make golden`; never edited by hand.

-- table: ancestor
CREATE TABLE ancestor ( id BIGSERIAL NOT NULL, path TEXT COLLATE "C" NOT NULL, CONSTRAINT
pk_ancestor PRIMARY KEY (id) );

-- table: attributes
CREATE TABLE attributes ( id BIGSERIAL NOT NULL, kind INTEGER NOT NULL, type TEXT COLLATE "C"
NOT NULL, bits INTEGER NOT NULL, mode TEXT COLLATE "C" NOT NULL, uid BIGINT NOT NULL, gid
BIGINT NOT NULL, CONSTRAINT pk_attributes PRIMARY KEY (id), CONSTRAINT
uq_attributes_kind_bits_uid_gid UNIQUE (kind, bits, uid, gid) );

-- table: directory
CREATE TABLE directory ( id BIGSERIAL NOT NULL, ancestor_id BIGINT NOT NULL, below TEXT COLLATE
"C" NOT NULL, CONSTRAINT pk_directory PRIMARY KEY (id) );

-- table: entry
CREATE TABLE entry ( id BIGSERIAL NOT NULL, path_id BIGINT NOT NULL, attributes_id BIGINT NOT
NULL, size BIGINT NOT NULL, modified BIGINT NOT NULL, sha256 BYTEA, CONSTRAINT pk_entry PRIMARY
KEY (id) );

-- index: ix_files_entry_path_id
CREATE INDEX ix_files_entry_path_id ON entry (path_id);

-- table: hidden
CREATE TABLE hidden ( image_id BIGINT NOT NULL, entry_id BIGINT NOT NULL, state INTEGER NOT
NULL, CONSTRAINT pk_hidden PRIMARY KEY (image_id, entry_id) );

-- index: ix_files_hidden_entry_id
CREATE INDEX ix_files_hidden_entry_id ON hidden (entry_id);

-- table: image
CREATE TABLE image ( id BIGSERIAL NOT NULL, digest TEXT COLLATE "C" NOT NULL, CONSTRAINT
pk_image PRIMARY KEY (id) );

-- index: ix_image_digest
CREATE INDEX ix_image_digest ON image USING hash (digest);

-- table: layer
CREATE TABLE layer ( id BIGSERIAL NOT NULL, digest TEXT COLLATE "C" NOT NULL, entries INTEGER
NOT NULL, problem TEXT COLLATE "C", CONSTRAINT pk_layer PRIMARY KEY (id) );

-- index: ix_layer_digest
CREATE INDEX ix_layer_digest ON layer USING hash (digest);

-- table: linked
CREATE TABLE linked ( image_id BIGINT NOT NULL, entry_id BIGINT NOT NULL, origin_id BIGINT NOT
NULL, CONSTRAINT pk_linked PRIMARY KEY (image_id, entry_id) );

-- table: path
CREATE TABLE path ( id BIGSERIAL NOT NULL, name TEXT COLLATE "C" NOT NULL, CONSTRAINT pk_path
PRIMARY KEY (id) );

-- table: placed
CREATE TABLE placed ( entry_id BIGSERIAL NOT NULL, stored_id BIGINT NOT NULL, CONSTRAINT
pk_placed PRIMARY KEY (entry_id) );

-- table: placement
CREATE TABLE placement ( image_id BIGINT NOT NULL, entry_id BIGINT NOT NULL, CONSTRAINT
pk_placement PRIMARY KEY (image_id, entry_id) );

-- index: ix_files_placement_entry_id
CREATE INDEX ix_files_placement_entry_id ON placement (entry_id);

-- table: raw_path
CREATE TABLE raw_path ( path_id BIGSERIAL NOT NULL, raw BYTEA NOT NULL, CONSTRAINT pk_raw_path
PRIMARY KEY (path_id) );

-- table: target
CREATE TABLE target ( entry_id BIGSERIAL NOT NULL, target TEXT COLLATE "C" NOT NULL, raw BYTEA,
CONSTRAINT pk_target PRIMARY KEY (entry_id) );

-- table: xattr
CREATE TABLE xattr ( entry_id BIGINT NOT NULL, key TEXT COLLATE "C" NOT NULL, value BYTEA NOT
NULL );

-- index: ix_xattr_entry_id
CREATE INDEX ix_xattr_entry_id ON xattr (entry_id);
