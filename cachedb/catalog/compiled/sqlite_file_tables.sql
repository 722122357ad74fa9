-- Tables and indexes of the index of files for sqlite.
-- Generated from cachedb/catalog/schema/file_tables.py by `make golden`; never edited by hand.

-- table: ancestor
CREATE TABLE files.ancestor ( id INTEGER NOT NULL, path TEXT NOT NULL, CONSTRAINT pk_ancestor
PRIMARY KEY (id) ) STRICT;

-- table: attributes
CREATE TABLE files.attributes ( id INTEGER NOT NULL, kind INTEGER NOT NULL, type TEXT NOT NULL,
bits INTEGER NOT NULL, mode TEXT NOT NULL, uid INTEGER NOT NULL, gid INTEGER NOT NULL,
CONSTRAINT pk_attributes PRIMARY KEY (id), CONSTRAINT uq_attributes_kind_bits_uid_gid UNIQUE
(kind, bits, uid, gid) ) STRICT;

-- table: directory
CREATE TABLE files.directory ( id INTEGER NOT NULL, ancestor_id INTEGER NOT NULL, below TEXT
NOT NULL, CONSTRAINT pk_directory PRIMARY KEY (id) ) STRICT;

-- table: entry
CREATE TABLE files.entry ( id INTEGER NOT NULL, path_id INTEGER NOT NULL, attributes_id INTEGER
NOT NULL, size INTEGER NOT NULL, modified INTEGER NOT NULL, sha256 BLOB, CONSTRAINT pk_entry
PRIMARY KEY (id) ) STRICT;

-- index: ix_files_entry_path_id
CREATE INDEX files.ix_files_entry_path_id ON entry (path_id);

-- table: hidden
CREATE TABLE files.hidden ( image_id INTEGER NOT NULL, entry_id INTEGER NOT NULL, state INTEGER
NOT NULL, CONSTRAINT pk_hidden PRIMARY KEY (image_id, entry_id) ) WITHOUT ROWID, STRICT;

-- index: ix_files_hidden_entry_id
CREATE INDEX files.ix_files_hidden_entry_id ON hidden (entry_id);

-- table: image
CREATE TABLE files.image ( id INTEGER NOT NULL, digest TEXT NOT NULL, CONSTRAINT pk_image
PRIMARY KEY (id), CONSTRAINT uq_image_digest UNIQUE (digest) ) STRICT;

-- table: layer
CREATE TABLE files.layer ( id INTEGER NOT NULL, digest TEXT NOT NULL, entries INTEGER NOT NULL,
problem TEXT, CONSTRAINT pk_layer PRIMARY KEY (id), CONSTRAINT uq_layer_digest UNIQUE (digest)
) STRICT;

-- table: linked
CREATE TABLE files.linked ( image_id INTEGER NOT NULL, entry_id INTEGER NOT NULL, origin_id
INTEGER NOT NULL, CONSTRAINT pk_linked PRIMARY KEY (image_id, entry_id) ) WITHOUT ROWID, STRICT;

-- table: path
CREATE TABLE files.path ( id INTEGER NOT NULL, name TEXT NOT NULL, CONSTRAINT pk_path PRIMARY
KEY (id) ) STRICT;

-- table: placed
CREATE TABLE files.placed ( entry_id INTEGER NOT NULL, stored_id INTEGER NOT NULL, CONSTRAINT
pk_placed PRIMARY KEY (entry_id) ) STRICT;

-- table: placement
CREATE TABLE files.placement ( image_id INTEGER NOT NULL, entry_id INTEGER NOT NULL, CONSTRAINT
pk_placement PRIMARY KEY (image_id, entry_id) ) WITHOUT ROWID, STRICT;

-- index: ix_files_placement_entry_id
CREATE INDEX files.ix_files_placement_entry_id ON placement (entry_id);

-- table: raw_path
CREATE TABLE files.raw_path ( path_id INTEGER NOT NULL, raw BLOB NOT NULL, CONSTRAINT
pk_raw_path PRIMARY KEY (path_id) ) STRICT;

-- table: target
CREATE TABLE files.target ( entry_id INTEGER NOT NULL, target TEXT NOT NULL, raw BLOB,
CONSTRAINT pk_target PRIMARY KEY (entry_id) ) STRICT;

-- table: xattr
CREATE TABLE files.xattr ( entry_id INTEGER NOT NULL, "key" TEXT NOT NULL, value BLOB NOT NULL,
CONSTRAINT pk_xattr PRIMARY KEY (entry_id, "key") ) WITHOUT ROWID, STRICT;
