-- Tables and indexes of the index of files for postgresql.
-- Generated from cachedb/catalog/files/file_tables.py by `make golden`; never edited by hand.

-- table: attributes
CREATE TABLE attributes ( id BIGSERIAL NOT NULL, kind INTEGER NOT NULL, type TEXT COLLATE "C"
NOT NULL, bits INTEGER NOT NULL, mode TEXT COLLATE "C" NOT NULL, uid BIGINT NOT NULL, gid
BIGINT NOT NULL, CONSTRAINT pk_attributes PRIMARY KEY (id), CONSTRAINT
uq_attributes_kind_bits_uid_gid UNIQUE (kind, bits, uid, gid) );

-- table: directory
CREATE TABLE directory ( id BIGSERIAL NOT NULL, path TEXT COLLATE "C" NOT NULL, CONSTRAINT
pk_directory PRIMARY KEY (id) );

-- table: entry
CREATE TABLE entry ( id BIGSERIAL NOT NULL, path_id BIGINT NOT NULL, attributes_id BIGINT NOT
NULL, size BIGINT NOT NULL, modified BIGINT NOT NULL, target TEXT COLLATE "C", raw_target
BYTEA, sha256 BYTEA, CONSTRAINT pk_entry PRIMARY KEY (id) );

-- index: ix_files_entry_path_id
CREATE INDEX ix_files_entry_path_id ON entry (path_id);

-- table: hidden
CREATE TABLE hidden ( image_id BIGINT NOT NULL, entry_id BIGINT NOT NULL, state INTEGER NOT
NULL, CONSTRAINT pk_hidden PRIMARY KEY (image_id, entry_id) );

-- index: ix_files_hidden_entry_id
CREATE INDEX ix_files_hidden_entry_id ON hidden (entry_id);

-- table: image
CREATE TABLE image ( id BIGSERIAL NOT NULL, digest TEXT COLLATE "C" NOT NULL, CONSTRAINT
pk_image PRIMARY KEY (id), CONSTRAINT uq_image_digest UNIQUE (digest) );

-- table: layer
CREATE TABLE layer ( id BIGSERIAL NOT NULL, digest TEXT COLLATE "C" NOT NULL, entries INTEGER
NOT NULL, problem TEXT COLLATE "C", CONSTRAINT pk_layer PRIMARY KEY (id), CONSTRAINT
uq_layer_digest UNIQUE (digest) );

-- table: path
CREATE TABLE path ( id BIGSERIAL NOT NULL, directory_id BIGINT NOT NULL, name TEXT COLLATE "C"
NOT NULL, raw BYTEA, CONSTRAINT pk_path PRIMARY KEY (id) );

-- index: ix_files_path_directory_id
CREATE INDEX ix_files_path_directory_id ON path (directory_id);

-- table: xattr
CREATE TABLE xattr ( entry_id BIGINT NOT NULL, key TEXT COLLATE "C" NOT NULL, value BYTEA NOT
NULL, CONSTRAINT pk_xattr PRIMARY KEY (entry_id, key) );
