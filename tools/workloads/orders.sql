-- orders.sql - a small mail-order house: some tens of thousands of rows are
-- loaded, indexed, updated and partly deleted, then asked about.

PRAGMA foreign_keys = ON;

CREATE TABLE customer (
  id      INTEGER PRIMARY KEY,
  name    TEXT NOT NULL,
  city    TEXT NOT NULL,
  balance INTEGER NOT NULL DEFAULT 0        -- cents
);
CREATE TABLE product (
  id    INTEGER PRIMARY KEY,
  name  TEXT NOT NULL UNIQUE,
  price INTEGER NOT NULL CHECK (price > 0), -- cents
  stock INTEGER NOT NULL
);
CREATE TABLE orders (
  id       INTEGER PRIMARY KEY,
  customer INTEGER NOT NULL REFERENCES customer (id),
  day      INTEGER NOT NULL,
  state    TEXT NOT NULL DEFAULT 'open'
);
CREATE TABLE item (
  orders   INTEGER NOT NULL REFERENCES orders (id) ON DELETE CASCADE,
  product  INTEGER NOT NULL REFERENCES product (id),
  quantity INTEGER NOT NULL,
  PRIMARY KEY (orders, product)
) WITHOUT ROWID;

-- What leaves the shelf is missed there.
CREATE TRIGGER item_taken AFTER INSERT ON item BEGIN
  UPDATE product SET stock = stock - new.quantity WHERE id = new.product;
END;
CREATE TRIGGER item_returned AFTER DELETE ON item BEGIN
  UPDATE product SET stock = stock + old.quantity WHERE id = old.product;
END;

BEGIN;
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500)
INSERT INTO product SELECT i, printf('article %04d', i), 99 + i * 7919 % 20000, 100000 FROM n;
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4000)
INSERT INTO customer (id, name, city)
SELECT i, printf('customer %05d', i * 7 % 4001),
       CASE i % 5 WHEN 0 THEN 'Aachen' WHEN 1 THEN 'Bergen' WHEN 2 THEN 'Cork' WHEN 3 THEN 'Delft' ELSE 'Evora' END
FROM n;
COMMIT;

-- Day 1.
BEGIN;
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1250)
INSERT INTO orders (id, customer, day) SELECT i, 1 + i * 2654435761 % 4000, 1 FROM n;
INSERT INTO item SELECT id, 1 + id * 31 % 500, 1 + id % 3 FROM orders WHERE day = 1;
INSERT INTO item SELECT id, 1 + (id * 31 + 17) % 500, 1 + id % 4 FROM orders WHERE day = 1;
INSERT INTO item SELECT id, 1 + (id * 31 + 170) % 500, 1 + id % 5 FROM orders WHERE day = 1;
COMMIT;

-- Day 2.
BEGIN;
WITH RECURSIVE n (i) AS (SELECT 1251 UNION ALL SELECT i + 1 FROM n WHERE i < 2500)
INSERT INTO orders (id, customer, day) SELECT i, 1 + i * 2654435761 % 4000, 2 FROM n;
INSERT INTO item SELECT id, 1 + id * 31 % 500, 1 + id % 3 FROM orders WHERE day = 2;
INSERT INTO item SELECT id, 1 + (id * 31 + 17) % 500, 1 + id % 4 FROM orders WHERE day = 2;
INSERT INTO item SELECT id, 1 + (id * 31 + 170) % 500, 1 + id % 5 FROM orders WHERE day = 2;
COMMIT;

-- Day 3.
BEGIN;
WITH RECURSIVE n (i) AS (SELECT 2501 UNION ALL SELECT i + 1 FROM n WHERE i < 3750)
INSERT INTO orders (id, customer, day) SELECT i, 1 + i * 2654435761 % 4000, 3 FROM n;
INSERT INTO item SELECT id, 1 + id * 31 % 500, 1 + id % 3 FROM orders WHERE day = 3;
INSERT INTO item SELECT id, 1 + (id * 31 + 17) % 500, 1 + id % 4 FROM orders WHERE day = 3;
INSERT INTO item SELECT id, 1 + (id * 31 + 170) % 500, 1 + id % 5 FROM orders WHERE day = 3;
COMMIT;

-- Day 4.
BEGIN;
WITH RECURSIVE n (i) AS (SELECT 3751 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)
INSERT INTO orders (id, customer, day) SELECT i, 1 + i * 2654435761 % 4000, 4 FROM n;
INSERT INTO item SELECT id, 1 + id * 31 % 500, 1 + id % 3 FROM orders WHERE day = 4;
INSERT INTO item SELECT id, 1 + (id * 31 + 17) % 500, 1 + id % 4 FROM orders WHERE day = 4;
INSERT INTO item SELECT id, 1 + (id * 31 + 170) % 500, 1 + id % 5 FROM orders WHERE day = 4;
COMMIT;

CREATE INDEX orders_by_customer ON orders (customer);
CREATE INDEX item_by_product ON item (product);

-- Day 5.
BEGIN;
WITH RECURSIVE n (i) AS (SELECT 5001 UNION ALL SELECT i + 1 FROM n WHERE i < 6250)
INSERT INTO orders (id, customer, day) SELECT i, 1 + i * 2654435761 % 4000, 5 FROM n;
INSERT INTO item SELECT id, 1 + id * 31 % 500, 1 + id % 3 FROM orders WHERE day = 5;
INSERT INTO item SELECT id, 1 + (id * 31 + 17) % 500, 1 + id % 4 FROM orders WHERE day = 5;
INSERT INTO item SELECT id, 1 + (id * 31 + 170) % 500, 1 + id % 5 FROM orders WHERE day = 5;
COMMIT;

-- Day 6.
BEGIN;
WITH RECURSIVE n (i) AS (SELECT 6251 UNION ALL SELECT i + 1 FROM n WHERE i < 7500)
INSERT INTO orders (id, customer, day) SELECT i, 1 + i * 2654435761 % 4000, 6 FROM n;
INSERT INTO item SELECT id, 1 + id * 31 % 500, 1 + id % 3 FROM orders WHERE day = 6;
INSERT INTO item SELECT id, 1 + (id * 31 + 17) % 500, 1 + id % 4 FROM orders WHERE day = 6;
INSERT INTO item SELECT id, 1 + (id * 31 + 170) % 500, 1 + id % 5 FROM orders WHERE day = 6;
COMMIT;

-- Day 7.
BEGIN;
WITH RECURSIVE n (i) AS (SELECT 7501 UNION ALL SELECT i + 1 FROM n WHERE i < 8750)
INSERT INTO orders (id, customer, day) SELECT i, 1 + i * 2654435761 % 4000, 7 FROM n;
INSERT INTO item SELECT id, 1 + id * 31 % 500, 1 + id % 3 FROM orders WHERE day = 7;
INSERT INTO item SELECT id, 1 + (id * 31 + 17) % 500, 1 + id % 4 FROM orders WHERE day = 7;
INSERT INTO item SELECT id, 1 + (id * 31 + 170) % 500, 1 + id % 5 FROM orders WHERE day = 7;
COMMIT;

-- Day 8.
BEGIN;
WITH RECURSIVE n (i) AS (SELECT 8751 UNION ALL SELECT i + 1 FROM n WHERE i < 10000)
INSERT INTO orders (id, customer, day) SELECT i, 1 + i * 2654435761 % 4000, 8 FROM n;
INSERT INTO item SELECT id, 1 + id * 31 % 500, 1 + id % 3 FROM orders WHERE day = 8;
INSERT INTO item SELECT id, 1 + (id * 31 + 17) % 500, 1 + id % 4 FROM orders WHERE day = 8;
INSERT INTO item SELECT id, 1 + (id * 31 + 170) % 500, 1 + id % 5 FROM orders WHERE day = 8;
COMMIT;

-- Who has what to pay.
BEGIN;
UPDATE customer SET balance = (
  SELECT coalesce(sum(i.quantity * p.price), 0)
  FROM orders o JOIN item i ON i.orders = o.id JOIN product p ON p.id = i.product
  WHERE o.customer = customer.id);
UPDATE orders SET state = 'sent' WHERE day <= 6;
COMMIT;

-- Prices of a few articles, here and there.
UPDATE product SET price = price * 11 / 10 WHERE id % 50 = 7;
UPDATE customer SET city = 'Faro' WHERE id % 97 = 5;

-- Cancelled: their items go back to the shelf.
DELETE FROM orders WHERE id % 20 = 3;
UPDATE orders SET state = 'paid' WHERE state = 'sent' AND customer % 3 = 0;

-- A search by text.
CREATE TABLE remark (orders INTEGER PRIMARY KEY, body TEXT NOT NULL);
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)
INSERT INTO remark
SELECT i, printf('%s parcel for shelf %d, %s', CASE i % 3 WHEN 0 THEN 'small' WHEN 1 THEN 'heavy' ELSE 'fragile' END,
                 i % 211, hex(i * 40503 % 1048576)) FROM n;
UPDATE remark SET body = replace(body, 'shelf', 'rack') WHERE body LIKE 'heavy%';
DELETE FROM remark WHERE body LIKE '%shelf 7,%';

-- Questions.
SELECT city, count(*), sum(balance) / 100 FROM customer GROUP BY city ORDER BY city;
SELECT state, count(*) FROM orders GROUP BY state ORDER BY state;
SELECT p.name, sum(i.quantity) AS sold FROM item i JOIN product p ON p.id = i.product
GROUP BY p.id ORDER BY sold DESC, p.id LIMIT 3;
SELECT CASE WHEN (SELECT sum(stock) FROM product) + (SELECT sum(quantity) FROM item) = 500 * 100000
            THEN 'shelves and orders agree' ELSE 'SHELVES AND ORDERS DISAGREE' END;
