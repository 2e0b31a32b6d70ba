-- An outpatient clinic.
CREATE TABLE patients (
  id INTEGER PRIMARY KEY,
  full_name TEXT NOT NULL,
  city TEXT,
  insurer TEXT,
  birth_year INTEGER,
  visits INTEGER,
  last_seen DATE,
  recall INTEGER,
  balance REAL
);

CREATE TABLE clinicians (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  specialty TEXT,
  site TEXT
);

CREATE TABLE appointments (
  id INTEGER PRIMARY KEY,
  patient_id INTEGER REFERENCES patients (id),
  clinician_id INTEGER REFERENCES clinicians (id),
  day DATE,
  start_hour INTEGER,
  minutes INTEGER,
  kind TEXT,
  outcome TEXT,
  fee REAL
);

CREATE TABLE prescriptions (
  id INTEGER PRIMARY KEY,
  patient_id INTEGER REFERENCES patients (id),
  drug TEXT,
  dose INTEGER,
  repeats INTEGER,
  issued_on DATE,
  stopped_on DATE,
  cost REAL
);
