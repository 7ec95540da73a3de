"""What latch is compared with: the same three routes, as the framework's own tutorial builds them."""
import os
import uuid
from datetime import datetime, timedelta

from fastapi import Depends, FastAPI, HTTPException
from fastapi.security import OAuth2PasswordBearer
from jose import JWTError, jwt
from passlib.context import CryptContext
from pydantic import BaseModel
from sqlalchemy import Column, DateTime, String, create_engine
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, declarative_base, sessionmaker

SECRET = os.environ["BENCH_SECRET"]
engine = create_engine(os.environ["BENCH_DATABASE"], pool_size=16)
SessionLocal = sessionmaker(bind=engine)
Base = declarative_base()
passwords = CryptContext(schemes=["bcrypt"])
bearer = OAuth2PasswordBearer(tokenUrl="/auth/login")
app = FastAPI()


class User(Base):
    __tablename__ = "fastapi_users"
    id = Column(String(36), primary_key=True)
    email = Column(String(254), unique=True, nullable=False)
    name = Column(String(200))
    password_hash = Column(String(100), nullable=False)
    created_at = Column(DateTime, nullable=False)


Base.metadata.create_all(engine)


class Credentials(BaseModel):
    email: str
    password: str


class UserResponse(BaseModel):
    id: str
    email: str
    name: str | None = None
    created_at: datetime

    class Config:
        orm_mode = True


def database():
    session = SessionLocal()
    try:
        yield session
    finally:
        session.close()


@app.post("/auth/register", response_model=UserResponse, status_code=201)
def register(body: Credentials, db: Session = Depends(database)):
    user = User(id=str(uuid.uuid4()), email=body.email, password_hash=passwords.hash(body.password),
                created_at=datetime.utcnow())
    db.add(user)
    try:
        db.commit()
    except IntegrityError:
        raise HTTPException(409, "registered already")
    db.refresh(user)
    return user


@app.post("/auth/login")
def login(body: Credentials, db: Session = Depends(database)):
    user = db.query(User).filter(User.email == body.email).first()
    if user is None or not passwords.verify(body.password, user.password_hash):
        raise HTTPException(401, "wrong e-mail address or password")
    claims = {"sub": user.id, "exp": datetime.utcnow() + timedelta(minutes=60)}
    return {"access_token": jwt.encode(claims, SECRET, algorithm="HS256"), "token_type": "bearer"}


@app.get("/users/me", response_model=UserResponse)
def me(token: str = Depends(bearer), db: Session = Depends(database)):
    try:
        subject = jwt.decode(token, SECRET, algorithms=["HS256"])["sub"]
    except JWTError:
        raise HTTPException(401, "invalid token")
    user = db.get(User, subject)
    if user is None:
        raise HTTPException(401, "invalid token")
    return user
