"""The tables of `schema` as SQLite makes them, for a new file, and for a database that lives as
long as one run and needs no SQLAlchemy. Tests hold them to the schema and to the migrations.
"""

from __future__ import annotations

from typing import Final

TABLES: Final = """\
CREATE TABLE "ClientSlots" (
    "Holder" VARCHAR(64) NOT NULL,
    "First" INTEGER NOT NULL,
    "Count" INTEGER NOT NULL,
    PRIMARY KEY ("Holder")
);
CREATE TABLE "Counters" (
    "Name" VARCHAR(32) NOT NULL,
    "Value" INTEGER NOT NULL,
    PRIMARY KEY ("Name")
);
CREATE TABLE "Events" (
    "ID" INTEGER NOT NULL,
    "At" FLOAT NOT NULL,
    "Code" INTEGER NOT NULL,
    "Severity" VARCHAR(24) NOT NULL,
    "Component" VARCHAR(40) NOT NULL,
    "MachineName" VARCHAR(32) NOT NULL,
    "SiteCode" VARCHAR(3) NOT NULL,
    "JobID" VARCHAR(8) NOT NULL,
    "Text" TEXT NOT NULL,
    PRIMARY KEY ("ID")
);
CREATE INDEX "EventsByCode" ON "Events" ("Code", "JobID");
CREATE TABLE "JobDetails" (
    "ID" INTEGER NOT NULL,
    "JobID" VARCHAR(8) NOT NULL,
    "Kind" VARCHAR(16) NOT NULL,
    "SiteCode" VARCHAR(3) NOT NULL,
    "Domain" VARCHAR(32) NOT NULL,
    "MachineName" VARCHAR(32) NOT NULL,
    "MachineID" INTEGER NOT NULL,
    "Status" VARCHAR(16) NOT NULL,
    "UpdatedAt" FLOAT NOT NULL,
    "Description" VARCHAR(255) NOT NULL,
    PRIMARY KEY ("ID"),
    CONSTRAINT "OneRowPerTarget" UNIQUE ("JobID", "Kind", "SiteCode", "MachineName")
);
CREATE INDEX "JobDetailsMachine" ON "JobDetails" ("MachineID");
CREATE INDEX "JobDetailsStatus" ON "JobDetails" ("JobID", "Kind", "Status");
CREATE TABLE "Jobs" (
    "JobID" VARCHAR(8) NOT NULL,
    "Name" VARCHAR(64) NOT NULL,
    "Type" VARCHAR(32) NOT NULL,
    "PackageID" VARCHAR(8) NOT NULL,
    "RequestID" VARCHAR(7) NOT NULL,
    "Status" VARCHAR(16) NOT NULL,
    "SendingStatus" VARCHAR(16) NOT NULL,
    "WorkingStatus" VARCHAR(16) NOT NULL,
    "CancelStatus" VARCHAR(16) NOT NULL,
    "Priority" INTEGER NOT NULL,
    "CreatedAt" FLOAT NOT NULL,
    "ActivateAt" FLOAT NOT NULL,
    "RepeatEvery" FLOAT NOT NULL,
    "RepeatOf" VARCHAR(8) NOT NULL,
    "StatusAt" FLOAT NOT NULL,
    "Spec" TEXT NOT NULL,
    PRIMARY KEY ("JobID")
);
CREATE INDEX "JobsStatus" ON "Jobs" ("Status");
CREATE TABLE "LoadedReports" (
    "Report" VARCHAR(96) NOT NULL,
    "At" FLOAT NOT NULL,
    PRIMARY KEY ("Report")
);
CREATE TABLE "MachineAttributes" (
    "MachineID" INTEGER NOT NULL,
    "GroupName" VARCHAR(255) NOT NULL,
    "Attribute" VARCHAR(255) NOT NULL,
    "Value" VARCHAR(255),
    "UpdatedAt" FLOAT NOT NULL,
    PRIMARY KEY ("MachineID", "GroupName", "Attribute")
);
CREATE TABLE "Machines" (
    "MachineID" INTEGER NOT NULL,
    "SMSID" VARCHAR(8) NOT NULL,
    "Name" VARCHAR(32) NOT NULL,
    "Domain" VARCHAR(32) NOT NULL,
    "SiteCode" VARCHAR(3) NOT NULL,
    "OperatingSystem" INTEGER NOT NULL,
    "UpdatedAt" FLOAT NOT NULL,
    "FoldedName" VARCHAR(32) DEFAULT '' NOT NULL,
    PRIMARY KEY ("MachineID"),
    UNIQUE ("SMSID")
);
CREATE INDEX "MachinesFoldedName" ON "Machines" ("FoldedName");
CREATE TABLE "PackageStatus" (
    "PkgID" VARCHAR(8) NOT NULL,
    "SiteCode" VARCHAR(3) NOT NULL,
    "Server" VARCHAR(32) NOT NULL,
    "Status" VARCHAR(16) NOT NULL,
    "Version" INTEGER NOT NULL,
    "UpdatedAt" FLOAT NOT NULL,
    PRIMARY KEY ("PkgID", "SiteCode", "Server")
);
CREATE TABLE "SMSPackages" (
    "PkgID" VARCHAR(8) NOT NULL,
    "Name" VARCHAR(64) NOT NULL,
    "Comment" VARCHAR(255) NOT NULL,
    "SourcePath" VARCHAR(255) NOT NULL,
    "StoredVersion" INTEGER NOT NULL,
    "SourceSize" INTEGER NOT NULL,
    "SourceCompSize" INTEGER NOT NULL,
    PRIMARY KEY ("PkgID")
);
CREATE TABLE "Sites" (
    "SiteCode" VARCHAR(3) NOT NULL,
    "ParentSiteCode" VARCHAR(3) NOT NULL,
    "Server" VARCHAR(32) NOT NULL,
    "Version" VARCHAR(32) NOT NULL,
    "Servers" TEXT NOT NULL,
    "UpdatedAt" FLOAT NOT NULL,
    PRIMARY KEY ("SiteCode")
);
"""
