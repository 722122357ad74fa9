-- Tables and indexes of the index of files for postgresql.
-- Generated from cachedb/catalog/files/file_tables.py by `make golden`; never edited by hand.

-- table: attributes
CREATE TABLE files.attributes ( id SERIAL NOT NULL, kind INTEGER NOT NULL, type TEXT NOT NULL,
bits INTEGER NOT NULL, mode TEXT NOT NULL, uid BIGINT NOT NULL, gid BIGINT NOT NULL, CONSTRAINT
pk_attributes PRIMARY KEY (id), CONSTRAINT uq_attributes_kind_bits_uid_gid UNIQUE (kind, bits,
uid, gid) );

-- table: directory
CREATE TABLE files.directory ( id SERIAL NOT NULL, path TEXT NOT NULL, CONSTRAINT pk_directory
PRIMARY KEY (id) );

-- table: entry
CREATE TABLE files.entry ( id BIGSERIAL NOT NULL, path_id INTEGER NOT NULL, attributes_id
INTEGER NOT NULL, size BIGINT NOT NULL, modified BIGINT NOT NULL, target TEXT, raw_target
BYTEA, sha256 BYTEA, CONSTRAINT pk_entry PRIMARY KEY (id) );

-- index: ix_files_entry_path_id
CREATE INDEX ix_files_entry_path_id ON files.entry (path_id);

-- table: hidden
CREATE TABLE files.hidden ( image_id INTEGER NOT NULL, entry_id BIGINT NOT NULL, state INTEGER
NOT NULL, CONSTRAINT pk_hidden PRIMARY KEY (image_id, entry_id) );

-- index: ix_files_hidden_entry_id
CREATE INDEX ix_files_hidden_entry_id ON files.hidden (entry_id);

-- table: image
CREATE TABLE files.image ( id SERIAL NOT NULL, digest TEXT NOT NULL, CONSTRAINT pk_image
PRIMARY KEY (id), CONSTRAINT uq_image_digest UNIQUE (digest) );

-- table: layer
CREATE TABLE files.layer ( id SERIAL NOT NULL, digest TEXT NOT NULL, entries INTEGER NOT NULL,
problem TEXT, CONSTRAINT pk_layer PRIMARY KEY (id), CONSTRAINT uq_layer_digest UNIQUE (digest)
);

-- table: path
CREATE TABLE files.path ( id SERIAL NOT NULL, directory_id INTEGER NOT NULL, name TEXT NOT
NULL, raw BYTEA, CONSTRAINT pk_path PRIMARY KEY (id) );

-- index: ix_files_path_directory_id
CREATE INDEX ix_files_path_directory_id ON files.path (directory_id);

-- table: xattr
CREATE TABLE files.xattr ( entry_id BIGINT NOT NULL, key TEXT NOT NULL, value BYTEA NOT NULL,
CONSTRAINT pk_xattr PRIMARY KEY (entry_id, key) );
